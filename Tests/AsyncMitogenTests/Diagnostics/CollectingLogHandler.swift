import Synchronization

@testable import AsyncMitogen

/// Keeps what it is given.
final class CollectingLogHandler: LogHandler {
  let level: LogLevel
  private let collected = Mutex<[LogRecord]>([])

  init(level: LogLevel = .io) { self.level = level }

  var records: [LogRecord] { collected.withLock { $0 } }

  func log(_ record: LogRecord) { collected.withLock { $0.append(record) } }
}
