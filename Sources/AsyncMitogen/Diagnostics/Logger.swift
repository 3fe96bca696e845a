/// A name under which to log.
///
/// A logger that is below its threshold costs one load from memory; its message is then not built. Make loggers once and
/// keep them: which threshold a name obeys is found when the logger is made. Python's `logging.getLogger(name)`.
public struct Logger: Sendable {
  /// The name, with a dot between levels; empty for the root logger. Names from `mitogen` down are the library's.
  public let name: String
  private let family: LogFamily
  private let system: LoggingSystem

  /// Makes a logger.
  public init(_ name: String) { self.init(name, system: .shared) }

  init(_ name: String, system: LoggingSystem) {
    self.name = name
    self.family = LogFamily(name)
    self.system = system
  }

  /// Whether a record of this level would pass the thresholds. Ask before work that only serves a message.
  public func isEnabled(_ level: LogLevel) -> Bool { system.isEnabled(level, for: family) }

  /// Logs a message at any level. It is not built if nobody wants it.
  public func log(_ level: LogLevel, _ message: @autoclosure () -> String) {
    guard isEnabled(level) else { return }
    system.deliver(LogRecord(level: level, logger: name, message: message()))
  }

  /// Logs what the program does, step by step.
  public func debug(_ message: @autoclosure () -> String) { log(.debug, message()) }

  /// Logs what a user of the program may like to know.
  public func info(_ message: @autoclosure () -> String) { log(.info, message()) }

  /// Logs that something is odd, and the program goes on.
  public func warning(_ message: @autoclosure () -> String) { log(.warning, message()) }

  /// Logs that something could not be done.
  public func error(_ message: @autoclosure () -> String) { log(.error, message()) }

  /// Logs that the process cannot go on.
  public func critical(_ message: @autoclosure () -> String) { log(.critical, message()) }
}
