import Glibc

/// Where the library's log records go, and which of them.
///
/// A program that configures nothing gets warnings and worse on standard error. In a child the records go to the master,
/// and the thresholds are those that the parent had when it started the child, so that what nobody reads crosses no wire.
/// Everything here may be called from any thread at any time.
public enum Logging {
  /// What records are given to. Replacing it takes effect at once; a record is given to one handler.
  public static var handler: any LogHandler {
    get { LoggingSystem.shared.handler }
    set { LoggingSystem.shared.configure(handler: newValue) }
  }

  /// The thresholds of the three configured loggers; all are ``LogLevel/warning`` in the beginning.
  ///
  /// Children started later get a copy.
  public static var levels: LogLevels {
    get { LoggingSystem.shared.levels }
    set { LoggingSystem.shared.configure(levels: newValue) }
  }

  /// Replaces the handler and the thresholds together.
  public static func configure(handler: any LogHandler, levels: LogLevels) {
    LoggingSystem.shared.configure(handler: handler, levels: levels)
  }

  /// The threshold that the logger called `name` obeys. Python's `getEffectiveLevel`.
  public static func effectiveLevel(for name: String) -> LogLevel { LoggingSystem.shared.levels[name] }

  /// Gives a record to the current handler, if it passes the thresholds: the way in for records made elsewhere.
  public static func log(_ record: LogRecord) { LoggingSystem.shared.log(record) }

  /// Writes records as lines to a file or to standard error. Mitogen's `log_to_file`.
  ///
  /// The environment variable `MITOGEN_LOG_LEVEL` overrides `level`, so that a program can be made to talk without being
  /// built again. It is the name of a level in any case, `IO` included; a name that is unknown means info. What was
  /// configured before is replaced.
  ///
  /// - Parameters:
  ///   - path: The file, whose content is deleted; standard error if nil.
  ///   - level: The least grave records that are written. See ``LogLevels/init(_:)`` for what it means to `mitogen.io`.
  /// - Throws: ``LogFileError`` if the file cannot be opened; what was configured before stays then.
  public static func logToFile(path: String? = nil, level: LogLevel = .info) throws(LogFileError) {
    let handler: any LogHandler
    if let path { handler = try FileLogHandler(path: path) } else { handler = StandardErrorLogHandler() }
    configure(
      handler: handler, levels: LogLevels(chosenLevel(level, environmentValue: environmentValue("MITOGEN_LOG_LEVEL"))))
  }

  /// The level to use when a program asks for one and the environment may override it.
  static func chosenLevel(_ level: LogLevel, environmentValue: String?) -> LogLevel {
    guard let environmentValue, !environmentValue.isEmpty else { return level }
    return LogLevel(name: environmentValue) ?? .info
  }

  private static func environmentValue(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
