internal import CAsyncMitogen
internal import Glibc

/// Where a socket is, or is to be: an open directory, and a name in it.
///
/// The directory stays the same one whatever happens to its path and to this process's own. An address holds 107 bytes;
/// a longer path is reached through the directory's descriptor.
struct UnixSocketPath: Sendable {
  /// As it was given.
  let path: String
  /// The last part of it.
  let name: String
  let directory: FileDescriptor

  /// How long an address is at most, in bytes.
  static let addressLimit = Int(AMT_UNIX_PATH_SIZE) - 1

  /// - Throws: ``UnixSocketError`` if the path cannot be a socket's, or its directory cannot be entered.
  init(_ path: String) throws(UnixSocketError) {
    let parts = try UnixSocketPath.split(path)
    self.path = path
    name = parts.name
    let number = unsafe amt_open_at(AMT_CURRENT_DIRECTORY, parts.directory, AMT_OPEN_ROOT)
    guard number >= 0 else { throw UnixSocketError(parts.directory, path, code: -number) }
    directory = FileDescriptor(number)
  }

  /// The directory and the name of a path. Pure.
  static func split(_ path: String) throws(UnixSocketError) -> (directory: String, name: String) {
    let bytes = Array(path.utf8)
    guard !bytes.contains(0) else { throw UnixSocketError(.invalidPath, path, "there is a zero in the path") }
    let name = bytes.lastIndex(of: UInt8(ascii: "/")).map { bytes[($0 + 1)...] } ?? bytes[...]
    let directory = bytes.dropLast(name.count)
    let text = String(decoding: name, as: UTF8.self)
    guard !name.isEmpty, text != ".", text != ".." else {
      throw UnixSocketError(.invalidPath, path, "the path ends in no name")
    }
    return (directory.isEmpty ? "." : String(decoding: directory, as: UTF8.self), text)
  }

  /// How a name in the directory is written as an address: by its path if that is short enough. Pure.
  ///
  /// - Throws: ``UnixSocketError`` if it is too long whatever the directory is.
  static func address(of name: String, in directory: String, number: Int32, path: String) throws(UnixSocketError)
    -> String
  {
    let plain = directory == "." ? name : directory + name
    if plain.utf8.count <= addressLimit { return plain }
    let byDescriptor = "/proc/self/fd/\(number)/\(name)"
    guard byDescriptor.utf8.count <= addressLimit else {
      throw UnixSocketError(
        .invalidPath, path,
        "the name is too long for a socket: \(name.utf8.count) bytes, of which it may have "
          + "\(addressLimit - byDescriptor.utf8.count + name.utf8.count)", code: ENAMETOOLONG)
    }
    return byDescriptor
  }

  /// The address of a name in the directory; of the socket itself if nil.
  func address(of other: String? = nil) throws(UnixSocketError) -> String {
    let directoryPath = try UnixSocketPath.split(path).directory
    return try UnixSocketPath.address(
      of: other ?? name, in: directoryPath, number: directory.number, path: path)
  }

  /// Which file is there now, if any.
  var file: FileIdentity? { identity(of: name) }

  /// Which file has a name in the directory.
  func identity(of name: String) -> FileIdentity? {
    var status = stat()
    guard unsafe fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return FileIdentity(
      device: UInt64(status.st_dev), number: UInt64(status.st_ino), isSocket: status.st_mode & S_IFMT == S_IFSOCK)
  }

  /// One file among all.
  struct FileIdentity: Equatable, Sendable {
    let device: UInt64
    let number: UInt64
    let isSocket: Bool
  }

  /// How connecting went.
  enum Connection {
    case connected(FileDescriptor)
    /// With the number of the system's error.
    case failed(Int32)
  }

  /// Connects a new socket, without waiting for a listener that has too many waiting.
  func connect() throws(UnixSocketError) -> Connection {
    let number = amt_unix_socket()
    guard number >= 0 else { throw UnixSocketError("socket", path, code: -number) }
    let socket = FileDescriptor(number)
    let result = unsafe amt_unix_connect(socket.number, try address())
    return result < 0 ? .failed(-result) : .connected(socket)
  }

  /// Whether nobody listens there, or nothing is there. Mitogen's `is_path_dead`.
  func isDead() throws(UnixSocketError) -> Bool {
    switch try connect() {
    case .connected: false
    case .failed(let code): code == ECONNREFUSED || code == ENOENT
    }
  }
}
