internal import Glibc

/// The content of a file that is kept to be passed on: in memory, or in a file that has no name.
enum PushContent: Sendable {
  case memory([UInt8])
  case disk(FileDescriptor, size: Int)

  /// How many bytes there are.
  var size: Int {
    switch self {
    case .memory(let bytes): bytes.count
    case .disk(_, let size): size
    }
  }

  /// Some of it; less than asked for only at the end.
  func read(at offset: Int, count: Int) throws -> [UInt8] {
    switch self {
    case .memory(let bytes): return Array(bytes[min(offset, bytes.count)..<min(offset + count, bytes.count)])
    case .disk(let descriptor, let size):
      let count = max(0, min(count, size - offset))
      var failure: Int32 = 0
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        while filled < count {
          let read = unsafe pread(
            descriptor.number, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
          guard read <= 0 else {
            filled += read
            continue
          }
          if read < 0, errno == EINTR { continue }
          failure = read < 0 ? errno : EIO
          break
        }
      }
      guard failure == 0 else { throw FileServiceError(.system(failure), path: "a temporary file") }
      return bytes
    }
  }
}

/// Content that comes in pieces, with its digest.
struct PushAssembly: Sendable {
  /// How much there is to come.
  let size: Int
  private(set) var position = 0
  private var digest = Blake3()
  private var bytes: [UInt8] = []
  private let spool: FileDescriptor?

  /// - Parameter limit: Up to which size content is kept in memory.
  init(size: Int, inMemoryUpTo limit: Int) throws {
    self.size = size
    spool = size > limit ? try FileDescriptor.makeSpool() : nil
  }

  /// Takes the next piece.
  ///
  /// - Throws: ``FileServiceError`` if it cannot be kept, or is more than was said.
  mutating func append(_ piece: [UInt8]) throws {
    guard piece.count <= size - position else { throw FileServiceError(.grew, path: "what is pushed") }
    digest.update(piece)
    guard let spool else {
      bytes += piece
      position += piece.count
      return
    }
    try spool.append(piece, at: &position, path: "a temporary file")
  }

  /// Whether all of it is there.
  var isComplete: Bool { position == size }

  /// The digest of what is there.
  var currentDigest: Blob { Blob(digest.finish()) }

  /// What is there.
  var content: PushContent { spool.map { .disk($0, size: position) } ?? .memory(bytes) }
}
