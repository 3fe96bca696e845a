import Glibc

/// Writes records to a file, a line each and one `write` for each, so that lines of several threads do not mix.
///
/// Nothing is buffered in the process: what was logged before a crash is in the file. The file is always appended to, also
/// after it was emptied at the beginning, so that several processes may share it and a log rotation may empty it. It is
/// closed when the last reference to the handler goes, and child processes do not inherit it.
public final class FileLogHandler: LogHandler {
  /// What happens to what is in the file already.
  public enum Mode: Hashable, Sendable {
    /// It is deleted. Mitogen's way.
    case truncate
    /// It stays, and records are written after it.
    case append
  }

  /// The file, as it was given.
  public let path: String
  /// The least grave records that are written.
  public let level: LogLevel
  private let descriptor: CInt

  /// Opens the file, and creates it if it is not there.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - mode: Whether what it holds is deleted (the default) or kept.
  ///   - level: The least grave records that are written, beside the thresholds of ``Logging/levels``.
  ///   - permissions: Of a file that is created, before the process's mask; the owner alone by default, because children
  ///     may print secrets.
  /// - Throws: ``LogFileError`` if the file cannot be opened.
  public init(path: String, mode: Mode = .truncate, level: LogLevel = .io, permissions: UInt32 = 0o600)
    throws(LogFileError)
  {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (mode == .truncate ? O_TRUNC : 0)
    let descriptor = unsafe open(path, flags, mode_t(permissions))
    guard descriptor >= 0 else { throw LogFileError(path: path, errorNumber: errno) }
    self.path = path
    self.level = level
    self.descriptor = descriptor
  }

  deinit { _ = close(descriptor) }

  /// Writes the record's lines.
  public func log(_ record: LogRecord) { LogOutput.write(LogLine.bytes(of: record), to: descriptor) }
}

/// A log file cannot be opened.
public struct LogFileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file, as it was given.
  public let path: String
  /// The system's error number (`errno`).
  public let errorNumber: Int32

  /// Makes an error.
  public init(path: String, errorNumber: Int32) {
    self.path = path
    self.errorNumber = errorNumber
  }

  /// The file, and the system's text for the error number.
  public var description: String {
    "cannot open the log file \(path): \(unsafe String(cString: strerror(errorNumber))) (error \(errorNumber))"
  }
}
