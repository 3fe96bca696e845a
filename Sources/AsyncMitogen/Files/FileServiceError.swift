internal import Glibc

/// A file could not be read, transferred or written, and why.
///
/// One that a ``FileService`` throws comes to the requester as a ``CallError`` whose ``CallError/thrown(as:)`` is this.
/// The texts of system errors are those of Python's `OSError`, which Mitogen's peers see.
public struct FileServiceError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  /// What went wrong.
  public enum Reason: Sendable, Hashable, Codable {
    /// The system said no, with this error number (`errno`).
    case system(Int32)
    /// It is a directory, a device, a socket or a pipe.
    case notRegular
    /// It lost bytes, gained bytes, was written to, or was removed while it was read.
    case shrank
    case grew
    case changed
    case disappeared
    /// The stream of its content ended too early, or did not end where it should; nothing has its name.
    case incomplete
    /// What came is not what was sent: the digests differ.
    case digestMismatch
    /// Another transfer is writing the same partial file.
    case busy
    /// The transfer was cancelled by whoever serves the file.
    case cancelled
    /// A limit of the service has been reached.
    case limit
  }

  /// What went wrong.
  public let reason: Reason
  /// The file, as it was named.
  public let path: String
  /// What is known beyond the reason, for a person.
  public let detail: String?

  /// Makes an error.
  public init(_ reason: Reason, path: String, detail: String? = nil) {
    self.reason = reason
    self.path = path
    self.detail = detail
  }

  /// The error of the system call that has just failed.
  static func last(_ path: String) -> FileServiceError { FileServiceError(.system(errno), path: path) }

  /// What went wrong with which file.
  public var description: String {
    let name = ServiceRefusal.quoted(path)
    let text =
      switch reason {
      case .system(let code): unsafe "[Errno \(code)] \(String(cString: strerror(code))): \(name)"
      case .notRegular: "\(name) is not a regular file."
      case .shrank: "\(name) became smaller while it was read"
      case .grew: "\(name) became larger while it was read"
      case .changed: "\(name) was written to while it was read"
      case .disappeared: "\(name) was removed or replaced while it was read"
      case .incomplete: "the content of \(name) did not come whole"
      case .digestMismatch: "what came is not the content of \(name): the digests differ"
      case .busy: "another transfer is writing \(name)"
      case .cancelled: "the transfer of \(name) was cancelled by its server"
      case .limit: "\(name) cannot be served now"
      }
    return detail.map { "\(text): \($0)" } ?? text
  }
}
