internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// One end of what other programs read or write, for one task that copies bytes, and closes it when there are no more.
///
/// It waits as the broker does, and never blocks a thread for what others do or do not do.
final class DescriptorEnd: Sendable {
  private let descriptor: Mutex<FileDescriptor?>
  private let broker: Broker
  /// Others share it, who may want it to block: no more is written than there is room for in any case.
  private let isShared: Bool

  /// What fits into a pipe that has room for anything.
  private static let sharedPieceSize = 4_096

  /// Takes an end that does not block, or is shared with others.
  init(_ descriptor: FileDescriptor, isShared: Bool = false, broker: Broker) {
    self.descriptor = Mutex(descriptor)
    self.isShared = isShared
    self.broker = broker
  }

  /// Takes an end that another process had, and whom it may still have: the same file anew if it is a pipe or a
  /// terminal, for otherwise not to block would be for all who share it.
  ///
  /// - Parameter isOwn: Whether nobody else has it in all likelihood, and what cannot be had anew is told not to block.
  static func take(_ given: FileDescriptor, writes: Bool, isOwn: Bool, broker: Broker) -> DescriptorEnd {
    var status = stat()
    _ = unsafe fstat(given.number, &status)
    switch status.st_mode & S_IFMT {
    case S_IFIFO, S_IFCHR:
      let number = amt_reopen(given.number, writes ? 1 : 0)
      if number >= 0 { return DescriptorEnd(FileDescriptor(number), broker: broker) }
    // A file's position belongs to what is given, and it never waits.
    case S_IFREG: return DescriptorEnd(given, broker: broker)
    default: break
    }
    if isOwn { _ = amt_set_nonblocking(given.number, 1) }
    return DescriptorEnd(given, isShared: !isOwn, broker: broker)
  }

  /// Lets go of it. Not while somebody reads or writes.
  func close() { descriptor.withLock { $0 = nil } }

  /// Gives all that can be read to `body`, in pieces of up to 64 KiB, until the end; then closes it.
  ///
  /// - Throws: `CancellationError`, what `body` throws.
  func read(_ body: ([UInt8]) async throws -> Void) async throws {
    guard let descriptor = descriptor.withLock({ $0 }) else { return }
    defer { close() }
    do {
      for await chunk in try broker.bytes(from: descriptor.number) { try await body(chunk) }
    } catch let error as SystemError where error.code == EPERM {
      // A file, or what else has no use for waiting.
      while let chunk = DescriptorEnd.chunk(of: descriptor) {
        try Task.checkCancellation()
        try await body(chunk)
      }
    }
    try Task.checkCancellation()
  }

  /// Writes all that comes, and closes it at the end.
  ///
  /// - Returns: Whether all could be written; if not, nobody reads any more.
  /// - Throws: `CancellationError`, what the sequence throws.
  func write<Pieces: AsyncSequence>(_ pieces: Pieces) async throws -> Bool where Pieces.Element == Blob {
    guard let descriptor = descriptor.withLock({ $0 }) else { return false }
    defer { close() }
    // What cannot be waited for never has to be.
    let readiness = try? broker.readiness(of: descriptor.number, for: .writable)
    var room = readiness?.makeAsyncIterator()
    let isSocket = amt_is_socket(descriptor.number)
    for try await piece in pieces {
      var rest = piece.bytes[...]
      while !rest.isEmpty {
        if isShared, room != nil, await room?.next() == nil { throw CancellationError() }
        let next = isShared ? rest.prefix(DescriptorEnd.sharedPieceSize) : rest
        let result = unsafe next.withUnsafeBytes { bytes in
          var vector = unsafe iovec(iov_base: .init(mutating: bytes.baseAddress), iov_len: bytes.count)
          return unsafe amt_write(descriptor.number, &vector, 1, isSocket)
        }
        switch result {
        case 0...: rest = rest.dropFirst(result)
        case -Int(EINTR): continue
        case -Int(EAGAIN):
          try Task.checkCancellation()
          guard await room?.next() != nil else { throw CancellationError() }
        default: return false
        }
      }
    }
    return true
  }

  private static func chunk(of descriptor: FileDescriptor) -> [UInt8]? {
    let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
      count = unsafe max(0, Glibc.read(descriptor.number, buffer.baseAddress, 65_536))
    }
    return chunk.isEmpty ? nil : chunk
  }
}
