internal import Glibc

/// A socket with a path could not be made, or nobody could be reached by it. Mitogen's `unix.ConnectError`.
public struct UnixSocketError: Error, Sendable, Hashable {
  /// What is wrong.
  public enum Reason: Sendable, Hashable {
    /// The path is empty, holds a zero, names no file, or is too long for a socket.
    case invalidPath
    /// Somebody listens there already, or is about to.
    case isInUse
    /// Something is there that is no socket; it is left alone.
    case isNoSocket
    /// Nobody listens there.
    case nobodyListens
    /// The listener is another user's, whom the policy does not trust; nothing has been sent.
    case isNotTrusted
    /// The other side closed the connection, or said what makes no sense: it does not want this process, or is no
    /// listener.
    case refused
    /// There was no answer in time.
    case timedOut
    /// A system call failed; see ``UnixSocketError/code``.
    case system
  }

  /// What is wrong.
  public let reason: Reason
  /// The path, as it was given.
  public let path: String
  /// The number of the system's error; 0 if there is none. Mitogen's `errno`.
  public let code: Int32
  /// What is wrong, for a person.
  public let message: String

  init(_ reason: Reason, _ path: String, _ message: String, code: Int32 = 0) {
    self.reason = reason
    self.path = path
    self.message = message
    self.code = code
  }

  /// A system call failed.
  init(_ operation: String, _ path: String, code: Int32) {
    let text = unsafe String(cString: strerror(code))
    self.init(.system, path, "\(operation): \(text)", code: code)
  }
}

extension UnixSocketError: CustomStringConvertible {
  /// The path and what is wrong.
  public var description: String { "\(path.isEmpty ? "an empty path" : path): \(message)" }
}
