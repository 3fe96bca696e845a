internal import CAsyncMitogen
internal import Glibc

/// A socket that listens, and has a path of its own as long as it does.
struct ListeningSocket: Sendable {
  let descriptor: FileDescriptor
  let place: UnixSocketPath
  private let file: UnixSocketPath.FileIdentity

  /// Begins to listen. What was left at the path by a process that is gone is replaced; nothing else is.
  ///
  /// The socket gets its name when it listens already, so whoever finds it can connect, and nobody takes it for a left
  /// one; and with its mode, so nobody connects who may not. Of two processes that want the same path one gets it.
  static func open(_ path: String, mode: UInt32, backlog: Int32) throws(UnixSocketError) -> ListeningSocket {
    let place = try UnixSocketPath(path)
    let number = amt_unix_socket()
    guard number >= 0 else { throw UnixSocketError("socket", path, code: -number) }
    let descriptor = FileDescriptor(number)
    // Also says that the name is too long, before anything is made.
    _ = try place.address()
    let temporary = ".mitogen_\(randomText())"
    try unsafe check("bind", path, amt_unix_bind(number, try place.address(of: temporary), mode))
    defer { unsafe unlinkat(place.directory.number, temporary, 0) }
    try unsafe check("chmod", path, amt_change_mode_at(place.directory.number, temporary, mode))
    try check("listen", path, amt_listen(number, backlog))
    guard let file = place.identity(of: temporary) else { throw UnixSocketError("stat", path, code: ENOENT) }
    if try !link(temporary, to: place) { try replaceLeft(by: temporary, at: place) }
    return ListeningSocket(descriptor: descriptor, place: place, file: file)
  }

  /// Takes the path away, if it is still this socket's. Called before the descriptor is closed: as long as it listens,
  /// nobody takes its path.
  func removePath() {
    guard place.file == file else { return }
    _ = unsafe unlinkat(place.directory.number, place.name, 0)
  }

  /// A path in the directory for temporary files that nobody has.
  static func temporaryPath() -> String {
    let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? ""
    return "\(directory.isEmpty ? "/tmp" : directory)/mitogen_unix_\(randomText()).sock"
  }

  private static func randomText() -> String { String(UInt64.random(in: 0...UInt64.max), radix: 36) }

  // MARK: what is there already

  /// Gives the socket its name; false if that is taken.
  private static func link(_ temporary: String, to place: UnixSocketPath) throws(UnixSocketError) -> Bool {
    let directory = place.directory.number
    if unsafe linkat(directory, temporary, directory, place.name, 0) == 0 { return true }
    guard errno == EEXIST else { throw UnixSocketError("link", place.path, code: errno) }
    return false
  }

  /// Removes a socket on which nobody listens, and takes its name. One process at a time may: another one, that found
  /// the same, would otherwise remove what is there by then.
  private static func replaceLeft(by temporary: String, at place: UnixSocketPath) throws(UnixSocketError) {
    try checkLeft(place)
    guard let lock = try PathLock(beside: place) else { throw inUse(place) }
    defer { lock.release() }
    try checkLeft(place)
    guard unsafe unlinkat(place.directory.number, place.name, 0) == 0 || errno == ENOENT else {
      throw UnixSocketError("unlink", place.path, code: errno)
    }
    guard try link(temporary, to: place) else { throw inUse(place) }
  }

  private static func checkLeft(_ place: UnixSocketPath) throws(UnixSocketError) {
    if let file = place.file, !file.isSocket {
      throw UnixSocketError(.isNoSocket, place.path, "there is something else than a socket", code: EEXIST)
    }
    guard try place.isDead() else { throw inUse(place) }
  }

  private static func inUse(_ place: UnixSocketPath) -> UnixSocketError {
    UnixSocketError(.isInUse, place.path, "another process listens there", code: EADDRINUSE)
  }

  private static func check(_ operation: String, _ path: String, _ result: Int32) throws(UnixSocketError) {
    guard result >= 0 else { throw UnixSocketError(operation, path, code: -result) }
  }
}

/// Lets one process at a time replace what is at a path: a locked file beside it, which is gone afterwards.
private struct PathLock {
  private let place: UnixSocketPath
  private let name: String
  private let descriptor: FileDescriptor

  /// Takes the lock; nil if another process has it, which then has the path in a moment.
  init?(beside place: UnixSocketPath) throws(UnixSocketError) {
    self.place = place
    name = place.name + ".lock"
    let number = unsafe openat(
      place.directory.number, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard number >= 0 else { throw UnixSocketError("lock", place.path, code: errno) }
    descriptor = FileDescriptor(number)
    guard flock(number, LOCK_EX | LOCK_NB) == 0 else { return nil }
    // Whoever had it before may have removed the file that was opened here: then it locks nothing.
    var opened = stat()
    guard unsafe fstat(number, &opened) == 0, opened.st_nlink > 0 else { return nil }
  }

  func release() { _ = unsafe unlinkat(place.directory.number, name, 0) }
}
