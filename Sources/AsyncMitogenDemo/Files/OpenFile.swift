internal import Glibc

/// A file that is open, and closed when nobody holds it any more.
final class OpenFile: Sendable {
  let path: String
  private let descriptor: OwnedDescriptor

  private init(path: String, descriptor: OwnedDescriptor) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Opens a file for reading.
  convenience init(reading path: String) throws(FileError) {
    // A pipe that nobody writes to must not hold us up: what it is, is for the caller to find out.
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard number >= 0 else { throw FileError(action: "open", path: path, code: errno) }
    self.init(path: path, descriptor: OwnedDescriptor(number))
  }

  /// Reads what comes next; empty at the end.
  func read(upTo count: Int) throws(FileError) -> [UInt8] {
    var chunk = [UInt8](repeating: 0, count: count)
    while true {
      let read = unsafe chunk.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor.number, $0.baseAddress, $0.count)
      }
      if read >= 0 {
        chunk.removeLast(count - read)
        return chunk
      }
      if errno == EAGAIN {
        // A pipe, as a shell makes it of a command.
        var request = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        unsafe poll(&request, 1, -1)
      } else if errno != EINTR {
        throw FileError(action: "read", path: path, code: errno)
      }
    }
  }

  /// Goes on at a place in the file.
  func seek(to position: Int) throws(FileError) {
    guard lseek(descriptor.number, off_t(position), SEEK_SET) >= 0 else {
      throw FileError(action: "seek in", path: path, code: errno)
    }
  }

  /// What the system says of it.
  func status() throws(FileError) -> FileStatus {
    var status = stat()
    guard unsafe fstat(descriptor.number, &status) == 0 else {
      throw FileError(action: "look at", path: path, code: errno)
    }
    return FileStatus(status)
  }
}

/// What the system says of a file.
struct FileStatus: Equatable, Sendable {
  /// With the number, this says which file it is, whatever its name.
  let device: UInt64
  let number: UInt64
  let size: Int
  /// Who may do what with it: the last twelve bits of its mode.
  let permissions: UInt32
  let kind: Kind

  enum Kind: Equatable, Sendable {
    case regular
    case directory
    case other
  }

  fileprivate init(_ status: stat) {
    device = UInt64(status.st_dev)
    number = UInt64(status.st_ino)
    size = Int(status.st_size)
    permissions = UInt32(status.st_mode) & 0o7777
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .directory
      default: .other
      }
  }

  /// What the system says of the file of a name; nil if there is none.
  static func of(_ path: String) -> FileStatus? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    return FileStatus(status)
  }
}
