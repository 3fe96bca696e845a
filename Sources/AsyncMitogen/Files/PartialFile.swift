internal import CAsyncMitogen
internal import Glibc

/// A file that is being written under another name, beside the place that it is for.
///
/// When it is let go without having been given its name, it is removed, unless it is to be resumed.
final class PartialFile {
  let destination: String
  private let path: String
  private let descriptor: FileDescriptor
  private let keeps: Bool
  private var isDone = false
  /// How much is in it.
  private(set) var size: Int

  /// Makes a new file that only its owner can read, or opens what an earlier attempt has left.
  init(for destination: String, resumes: Bool) throws {
    self.destination = destination
    let slash = destination.lastIndex(of: "/").map { destination.index(after: $0) } ?? destination.startIndex
    let (directory, name) = (destination[..<slash], destination[slash...])
    guard ServedPath.isPossible(destination), !name.isEmpty, name != ".", name != ".." else {
      throw FileServiceError(.system(EINVAL), path: destination)
    }
    keeps = resumes
    if resumes {
      path = "\(directory).\(name).partial"
      descriptor = try PartialFile.reopen(path, for: destination)
    } else {
      var template = Array("\(directory).\(name.prefix(200)).XXXXXX".utf8CString)
      let number = unsafe amt_make_temporary(&template)
      guard number >= 0 else { throw FileServiceError(.system(-number), path: destination) }
      path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      descriptor = FileDescriptor(number)
    }
    var status = stat()
    guard unsafe fstat(descriptor.number, &status) == 0 else { throw FileServiceError.last(destination) }
    size = Int(status.st_size)
  }

  deinit {
    if !isDone, !keeps || size == 0 { _ = unsafe unlink(path) }
    // To close it is not enough: a process that is being started just now has a copy of it until its program runs.
    if keeps { flock(descriptor.number, LOCK_UN) }
  }

  /// Opens the file that attempts share, for this one alone.
  private static func reopen(_ path: String, for destination: String) throws -> FileDescriptor {
    for _ in 0..<8 {
      let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
      let number = unsafe open(path, flags, 0o600)
      guard number >= 0 else { throw FileServiceError.last(destination) }
      let descriptor = FileDescriptor(number)
      guard flock(number, LOCK_EX | LOCK_NB) == 0 else { throw FileServiceError(.busy, path: destination) }
      var (status, named) = (stat(), stat())
      guard unsafe fstat(number, &status) == 0 else { throw FileServiceError.last(destination) }
      // Whoever had the lock before may have finished, and the file has another name now.
      guard unsafe lstat(path, &named) == 0, status.st_ino == named.st_ino, status.st_dev == named.st_dev else {
        continue
      }
      guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1, status.st_uid == geteuid() else {
        throw FileServiceError(.system(EEXIST), path: destination, detail: "\(path) is somebody else's")
      }
      _ = fchmod(number, 0o600)
      return descriptor
    }
    throw FileServiceError(.busy, path: destination)
  }

  /// The digest of what is in it.
  func digest() throws -> FileDigest { try OpenedFile(descriptor, path: path).digest(FileDigest(), upTo: size) }

  /// Forgets what is in it after that much.
  func truncate(to count: Int) throws {
    guard ftruncate(descriptor.number, off_t(count)) == 0 else { throw FileServiceError.last(destination) }
    size = count
  }

  /// Writes bytes behind what is there.
  func append(_ bytes: [UInt8]) throws {
    try descriptor.append(bytes, at: &size, path: destination)
  }

  /// Gives it permissions and times, and then its name.
  func finish(_ metadata: FileMetadata, synchronizes: Bool) throws {
    guard fchmod(descriptor.number, mode_t(metadata.permissions)) == 0 else { throw FileServiceError.last(destination) }
    let times = [metadata.accessed, metadata.modified].map {
      timespec(tv_sec: $0.seconds, tv_nsec: $0.nanoseconds)
    }
    guard unsafe futimens(descriptor.number, times) == 0 else { throw FileServiceError.last(destination) }
    if synchronizes, fsync(descriptor.number) != 0 { throw FileServiceError.last(destination) }
    guard unsafe rename(path, destination) == 0 else {
      let error = FileServiceError.last(destination)
      // So that a later attempt can open it.
      _ = fchmod(descriptor.number, 0o600)
      throw error
    }
    isDone = true
    if synchronizes { try synchronizeDirectory() }
  }

  /// It is of no use any more, also to a later attempt.
  func discard() {
    guard !isDone else { return }
    isDone = true
    _ = unsafe unlink(path)
  }

  /// The new name is an entry of the directory, which the disk has to have too.
  private func synchronizeDirectory() throws {
    let slash = destination.lastIndex(of: "/")
    let directory = slash.map { $0 == destination.startIndex ? "/" : String(destination[..<$0]) } ?? "."
    let number = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw FileServiceError.last(destination) }
    let opened = FileDescriptor(number)
    guard fsync(opened.number) == 0 else { throw FileServiceError.last(destination) }
  }
}
