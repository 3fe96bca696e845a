import Glibc

/// Writes records to standard error, a line each and one `write` for each.
///
/// The handler of a program that configures nothing, like Python's handler of last resort. Lines look as described at
/// ``LogRecord/description``.
public struct StandardErrorLogHandler: LogHandler {
  /// The least grave records that are written.
  public let level: LogLevel

  /// Makes a handler that writes what the thresholds of ``Logging/levels`` let through, and no less grave than `level`.
  public init(level: LogLevel = .io) { self.level = level }

  /// Writes the record's lines.
  public func log(_ record: LogRecord) { LogOutput.write(LogLine.bytes(of: record), to: STDERR_FILENO) }
}
