internal import Glibc
internal import Synchronization

/// An image that has been read: what is known of it, and its bytes as they are sent.
final class PreparedImage: Sendable {
  let details: ProgramImage.Details
  /// Stays the same file when its path is given to another, or to none.
  private let file: FileDescriptor
  private let path: String
  /// If it unpacks itself, or did: the packed program.
  private let packed: Packed?

  private struct Packed: Sendable {
    /// Where it is in the file.
    let range: Range<Int>
    /// How many bytes unpack the others, which may come later; and the digest of the former.
    let beginning: Int
    let digest: String
  }

  private let compression = Mutex<Task<[UInt8]?, any Error>?>(nil)

  /// Reads a file. It takes some ten milliseconds for a small program, so not on a thread that serves messages.
  init(path: String) throws(ProgramImageError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(path: path, errorNumber: errno) }
    file = FileDescriptor(descriptor)
    self.path = path
    let bytes = try PreparedImage.read(file, path)
    guard let elf = ELFImage(bytes) else { throw .notAProgram(path: path) }
    packed = PreparedImage.findPacked(in: bytes, elf)
    let identity = path == ImageStore.ownPath ? ImageIdentity.own : ImageIdentity(elf, bytes)
    details = ProgramImage.Details(
      digest: SHA256.hexadecimal(of: bytes), size: bytes.count, identity: identity.text, isStatic: elf.isStatic,
      interpreter: elf.interpreter, neededLibraries: elf.neededLibraries, elf: elf.machine)
  }

  /// The bytes for a machine.
  ///
  /// Compressed ones are kept for the next child. An unoptimised build takes longer to compress than most networks take
  /// to carry the file, so there is no compression in it.
  ///
  /// - Parameters:
  ///   - isNear: Whether the link is as fast as memory, so that to unpack would take longer.
  ///   - isKept: Whether it is to stay over there as a file.
  func payload(
    for facts: TargetFacts, isNear: Bool, isKept: Bool
  ) async throws(ProgramImageError) -> ImagePayload {
    try details.check(against: facts)
    if let packed, let payload = try await payload(packed, isKept: isKept) { return payload }
    #if DEBUG
      let compressed = false
    #else
      let compressed = facts.hasGzip && !isNear
    #endif
    return try await payload(compressed: compressed)
  }

  /// The bytes of a packed program; nil if they are to stay as they are in this file.
  private func payload(_ packed: Packed, isKept: Bool) async throws(ProgramImageError) -> ImagePayload? {
    // What the file is when it has unpacked itself is not known here.
    if isKept, packed.range.count == details.size { return nil }
    let task = Task.detached { [file, path] in try PreparedImage.read(file, path, packed.range) }
    let bytes: [UInt8]
    do {
      bytes = try await task.value
    } catch {
      throw error as? ProgramImageError ?? .unreadable(path: path, errorNumber: ECANCELED)
    }
    if isKept { return ImagePayload(details: details, packed: bytes) }
    return ImagePayload(unpacking: bytes, beginning: packed.beginning, digest: packed.digest)
  }

  private static func findPacked(in bytes: [UInt8], _ elf: ELFImage) -> Packed? {
    let trailer = PackedTrailer(lastBytes: Array(bytes.suffix(PackedTrailer.size)), fileSize: bytes.count)
    let range = trailer?.range ?? bytes.indices
    guard let start = trailer == nil ? elf.packedStart : ELFImage(Array(bytes[range]))?.packedStart else { return nil }
    let digest = SHA256.hexadecimal(of: Array(bytes[range].prefix(start)))
    return Packed(range: range, beginning: start, digest: digest)
  }

  /// - Parameter compressed: What cannot be compressed is sent as it is all the same.
  func payload(compressed: Bool) async throws(ProgramImageError) -> ImagePayload {
    do {
      if compressed, let bytes = try await startCompressing().value {
        return ImagePayload(details: details, bytes: bytes, isCompressed: true)
      }
      let plain = Task.detached { [file, path] in try PreparedImage.read(file, path) }
      return ImagePayload(details: details, bytes: try await plain.value, isCompressed: false)
    } catch let error as ProgramImageError {
      if compressed { compression.withLock { $0 = nil } }
      throw error
    } catch {
      throw .unreadable(path: path, errorNumber: ECANCELED)
    }
  }

  /// Begins to compress, once, in the background: while a connection is made that will need it. Its result is nil if
  /// nothing would be gained.
  @discardableResult
  func startCompressing() -> Task<[UInt8]?, any Error> {
    compression.withLock { task in
      if let task { return task }
      let started = Task.detached { [file, path] () -> [UInt8]? in
        let bytes = try PreparedImage.read(file, path)
        return PreparedImage.isWorthCompressing(bytes) ? GzipCompressor.compress(bytes) : nil
      }
      task = started
      return started
    }
  }

  /// Whether samples lose more than a sixteenth: those of a packed program do not.
  static func isWorthCompressing(_ bytes: [UInt8]) -> Bool {
    let size = 16_384
    guard bytes.count > 8 * size else { return true }
    let sample = (1...4).flatMap { place in
      let start = bytes.count / 5 * place
      return bytes[start..<start + size]
    }
    return GzipCompressor.compress(sample).count < sample.count / 16 * 15
  }

  /// The whole file.
  private static func read(_ file: FileDescriptor, _ path: String) throws(ProgramImageError) -> [UInt8] {
    var status = stat()
    guard unsafe fstat(file.number, &status) == 0 else { throw .unreadable(path: path, errorNumber: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notAProgram(path: path) }
    return try read(file, path, 0..<Int(status.st_size))
  }

  private static func read(
    _ file: FileDescriptor, _ path: String, _ range: Range<Int>
  ) throws(ProgramImageError) -> [UInt8] {
    var failure: Int32?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      while count < range.count {
        // Within the buffer: at most what is missing, behind what is there.
        let taken = unsafe pread(
          file.number, buffer.baseAddress?.advanced(by: count), range.count - count, off_t(range.lowerBound + count))
        if taken < 0, errno == EINTR { continue }
        if taken < 0 { failure = errno }
        guard taken > 0 else { break }
        count += taken
      }
    }
    if let failure { throw .unreadable(path: path, errorNumber: failure) }
    return bytes
  }
}

/// An image on its way: a line that announces it, and exactly as many bytes as that says.
struct ImagePayload: Sendable, Hashable {
  let announcement: [UInt8]
  let bytes: [UInt8]
  /// Whether the other side says when it begins to read most of them.
  let tellsOfReading: Bool

  init(details: ProgramImage.Details, bytes: [UInt8], isCompressed: Bool) {
    self.init(digest: details.digest, size: details.size, bytes: bytes, isCompressed: isCompressed)
  }

  /// - Parameter size: Of the file, unpacked; the first stage reserves it in whole blocks of 64 KiB, rounded down, so
  ///   that no zeros stay behind the file's end.
  init(digest: String, size: Int, bytes: [UInt8], isCompressed: Bool) {
    let command = isCompressed ? "gzip -dc" : "cat"
    announcement = Array("\(digest) \(bytes.count) \(size / 65_536) \(command)\n".utf8)
    self.bytes = bytes
    tellsOfReading = false
  }

  /// A packed program that becomes a file which stays: it is unpacked by itself, and what comes of that has the digest.
  init(details: ProgramImage.Details, packed bytes: [UInt8]) {
    // It is put beside the file, in a directory that may be gone again. There is no pattern in it: the shell would look for
    // files. See FirstStageScript.
    let steps = [
      #"y="$b/.mitogen.$K";mkdir -m 700 "$y" 2>/dev/null;"#, #"cat >"$y/y"&&chmod 700 "$y/y"&&"$y/y" mitogen-unpack;"#,
      #"r=$?;rm -f "$y/y";rmdir "$y" 2>/dev/null;test $r = 0"#,
    ]
    announcement = Array("\(details.digest) \(bytes.count) \(details.size / 65_536) eval \(steps.joined())\n".utf8)
    self.bytes = bytes
    tellsOfReading = false
  }

  /// A program that unpacks itself. Only its beginning is announced, which takes what follows as it comes, checks it, and
  /// becomes it: no time passes between the last byte and that, and there is no file.
  ///
  /// - Parameters:
  ///   - size: How many bytes begin it.
  ///   - digest: Theirs; what follows has one in them.
  init(unpacking bytes: [UInt8], beginning size: Int, digest: String) {
    announcement = Array("\(digest) \(size) 0 cat\n".utf8)
    self.bytes = bytes
    tellsOfReading = true
  }

  /// A piece of it, for a stream's queue: the announcement, then the image; nil behind the end.
  func chunk(_ index: Int, size: Int = 262_144) -> [UInt8]? {
    guard index > 0 else { return announcement }
    let start = (index - 1) * size
    guard start < bytes.count else { return nil }
    return Array(bytes[start..<min(start + size, bytes.count)])
  }
}
