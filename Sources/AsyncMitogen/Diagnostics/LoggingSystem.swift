import Synchronization

/// The current handler and thresholds. A process has one; a test may have more.
final class LoggingSystem: Sendable {
  /// That of the process: warnings and worse to standard error, until the program or a parent says otherwise.
  static let shared = LoggingSystem()

  private struct State {
    var handler: any LogHandler
    var levels: LogLevels
  }

  private let state: Mutex<State>
  // The thresholds again, for loggers that most of the time find out that they have nothing to do. Relaxed: nothing is
  // published through them, and a record more or less while they change is nobody's loss.
  private let root: Atomic<Int>
  private let mitogen: Atomic<Int>
  private let mitogenIO: Atomic<Int>

  init(handler: any LogHandler = StandardErrorLogHandler(), levels: LogLevels = LogLevels(.warning)) {
    state = Mutex(State(handler: handler, levels: levels))
    root = Atomic(levels.root.rawValue)
    mitogen = Atomic(levels.mitogen.rawValue)
    mitogenIO = Atomic(levels.mitogenIO.rawValue)
  }

  var handler: any LogHandler { state.withLock { $0.handler } }

  var levels: LogLevels { state.withLock { $0.levels } }

  /// Changes what is given, at once for all threads that log after it returns.
  func configure(handler: (any LogHandler)? = nil, levels: LogLevels? = nil) {
    // The old handler is handed out of the lock: its end may be long, for it may close files.
    let replaced: (any LogHandler)? = state.withLock { state in
      let replaced = handler == nil ? nil : state.handler
      if let handler { state.handler = handler }
      if let levels {
        state.levels = levels
        root.store(levels.root.rawValue, ordering: .relaxed)
        mitogen.store(levels.mitogen.rawValue, ordering: .relaxed)
        mitogenIO.store(levels.mitogenIO.rawValue, ordering: .relaxed)
      }
      return replaced
    }
    _ = replaced
  }

  /// Whether a record would pass the thresholds: one relaxed load.
  func isEnabled(_ level: LogLevel, for family: LogFamily) -> Bool {
    let threshold =
      switch family {
      case .root: root.load(ordering: .relaxed)
      case .mitogen: mitogen.load(ordering: .relaxed)
      case .mitogenIO: mitogenIO.load(ordering: .relaxed)
      }
    return level.rawValue >= threshold
  }

  /// Gives the record to the handler if it passes the thresholds and the handler's own.
  func log(_ record: LogRecord) {
    guard isEnabled(record.level, for: LogFamily(record.logger)) else { return }
    deliver(record)
  }

  /// Gives the record to the handler, outside the lock, if the handler wants it.
  func deliver(_ record: LogRecord) {
    let handler = handler
    if record.level >= handler.level { handler.log(record) }
  }

  /// Takes the payload of a `FORWARD_LOG` message that came from a child.
  ///
  /// The thresholds are applied again: a child's were copied when it was started, and it may not keep to them.
  func receive(_ payload: [UInt8], from context: ContextID, named name: String?) {
    if let forwarded = ForwardedLog(payload: payload) {
      log(forwarded.record(from: context, named: name))
    } else {
      log(LogRecord(level: .debug, logger: "mitogen", message: "context \(context) sent a log record that is none"))
    }
  }
}
