internal import CAsyncMitogen
internal import Glibc

/// A regular file that is open for reading, and what it was when it was opened.
final class OpenedFile: Sendable {
  /// What must stay as it is while the file is read.
  struct Identity: Equatable, Sendable {
    let size: Int
    let modified: FileMetadata.Time
  }

  let path: String
  let metadata: FileMetadata
  /// Whether it stands under its path; one that has come from elsewhere has no name.
  let isNamed: Bool
  private let descriptor: FileDescriptor
  private let identity: Identity

  /// - Parameter metadata: What it was where it came from; nil if it is from here.
  /// - Throws: ``FileServiceError`` if it is no regular file.
  init(_ descriptor: FileDescriptor, path: String, metadata original: FileMetadata? = nil) throws {
    self.path = path
    self.descriptor = descriptor
    let status = try OpenedFile.status(descriptor, path)
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileServiceError(.notRegular, path: path) }
    let own = FileMetadata(status)
    metadata = original ?? own
    isNamed = original == nil
    identity = Identity(size: own.size, modified: own.modified)
  }

  /// Opens a file by its name, wherever links lead.
  convenience init(_ path: String) throws {
    guard ServedPath.isPossible(path) else { throw FileServiceError(.system(ENOENT), path: path) }
    let number = unsafe amt_open_at(AMT_CURRENT_DIRECTORY, path, AMT_OPEN_FOLLOWED)
    guard number >= 0 else { throw FileServiceError(.system(-number), path: path) }
    try self.init(FileDescriptor(number), path: path)
  }

  /// Reads what is at a place; less than asked for only at the end.
  func read(at offset: Int, count: Int) throws -> [UInt8] {
    var failure: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = unsafe pread(
          descriptor.number, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
        if read > 0 {
          filled += read
        } else if read == 0 {
          break
        } else if errno != EINTR {
          failure = errno
          break
        }
      }
    }
    guard failure == 0 else { throw FileServiceError(.system(failure), path: path) }
    return bytes
  }

  /// Makes sure that the file is what it was when it was opened.
  ///
  /// - Throws: ``FileServiceError`` that says what has become of it.
  func checkUnchanged() throws {
    let status = try OpenedFile.status(descriptor, path)
    let now = FileMetadata(status)
    if now.size < identity.size { throw FileServiceError(.shrank, path: path) }
    if now.size > identity.size { throw FileServiceError(.grew, path: path) }
    if now.modified != identity.modified { throw FileServiceError(.changed, path: path) }
    // Files that the system makes up, like those of /proc, have sizes that mean nothing.
    if try !read(at: identity.size, count: 1).isEmpty { throw FileServiceError(.grew, path: path) }
    if isNamed, status.st_nlink == 0 { throw FileServiceError(.disappeared, path: path) }
  }

  /// Takes the beginning of a file into a digest that has taken nothing.
  ///
  /// - Throws: ``FileServiceError`` if it ends before that; `CancellationError`.
  func digest(_ start: FileDigest, upTo count: Int) throws -> FileDigest {
    var digest = start
    var position = 0
    while position < count {
      try Task.checkCancellation()
      let bytes = try read(at: position, count: min(1 << 18, count - position))
      guard !bytes.isEmpty else { throw FileServiceError(.shrank, path: path) }
      digest.update(bytes)
      position += bytes.count
    }
    return digest
  }

  private static func status(_ descriptor: FileDescriptor, _ path: String) throws -> stat {
    var status = stat()
    guard unsafe fstat(descriptor.number, &status) == 0 else { throw FileServiceError.last(path) }
    return status
  }
}

extension FileMetadata {
  /// What the system says, without the owners' names.
  init(_ status: stat) {
    self.init(
      size: Int(status.st_size), mode: status.st_mode, ownerID: status.st_uid, groupID: status.st_gid,
      modified: Time(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec),
      accessed: Time(seconds: status.st_atim.tv_sec, nanoseconds: status.st_atim.tv_nsec))
  }
}
