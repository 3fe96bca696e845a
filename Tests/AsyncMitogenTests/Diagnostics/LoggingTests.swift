import Synchronization
import Testing

@testable import AsyncMitogen

struct LoggingTests {
  @Test func `a message that nobody wants is not built`() {
    let handler = CollectingLogHandler()
    let logger = Logger("mitogen.io", system: LoggingSystem(handler: handler, levels: LogLevels(.debug)))
    func message() -> String {
      Issue.record("built")
      return ""
    }
    logger.debug(message())
    #expect(!logger.isEnabled(.debug))
    #expect(handler.records.isEmpty)
  }

  @Test func `each method logs at its level`() {
    let handler = CollectingLogHandler()
    let logger = Logger("x", system: LoggingSystem(handler: handler, levels: LogLevels(.io)))
    logger.debug("d")
    logger.info("i")
    logger.warning("w")
    logger.error("e")
    logger.critical("c")
    logger.log(.io, "f")
    #expect(handler.records.map(\.level) == [.debug, .info, .warning, .error, .critical, .io])
    #expect(handler.records.map(\.message) == ["d", "i", "w", "e", "c", "f"])
  }

  @Test func `thresholds and the handler's level both apply`() {
    let handler = CollectingLogHandler(level: .error)
    let system = LoggingSystem(handler: handler, levels: LogLevels(.warning))
    let logger = Logger("x", system: system)
    logger.warning("not for this handler")
    logger.error("yes")
    system.configure(levels: LogLevels(.off))
    logger.critical("off")
    #expect(handler.records.map(\.message) == ["yes"])
    #expect(system.levels == LogLevels(.off))
  }

  @Test(arguments: [
    (nil, LogLevel.warning), ("", .warning), ("debug", .debug), ("IO", .io), ("nonsense", .info),
  ]) func `the environment overrides the level`(value: String?, level: LogLevel) {
    #expect(Logging.chosenLevel(.warning, environmentValue: value) == level)
  }

  @Test func `a program that configures nothing gets warnings`() {
    let system = LoggingSystem()
    #expect(system.handler is StandardErrorLogHandler)
    #expect(system.levels == LogLevels(root: .warning, mitogen: .warning, mitogenIO: .warning))
  }

  @Test(.timeLimit(.minutes(1))) func `a handler is replaced while many tasks log`() async {
    let handlers = (0..<50).map { _ in CollectingLogHandler() }
    let system = LoggingSystem(handler: handlers[0], levels: LogLevels(.info))
    await withTaskGroup { group in
      for task in 0..<8 {
        group.addTask {
          let logger = Logger("task.\(task)", system: system)
          for number in 0..<500 {
            logger.info("\(number)")
            if number.isMultiple(of: 50) { await Task.yield() }
          }
        }
      }
      group.addTask {
        for handler in handlers.dropFirst() {
          system.configure(handler: handler)
          await Task.yield()
        }
      }
    }
    // Each record has come once, whichever handler it was.
    let records = handlers.flatMap(\.records)
    #expect(records.count == 4000)
    #expect(Set(records.map { "\($0.logger) \($0.message)" }).count == 4000)
    #expect(system.handler as? CollectingLogHandler === handlers.last)
  }

  @Test func `a handler may log to another system and change its own`() {
    struct Meddler: LogHandler {
      let replace: @Sendable () -> Void
      func log(_ record: LogRecord) { replace() }
    }
    let system = LoggingSystem(handler: CollectingLogHandler(), levels: LogLevels(.info))
    let last = CollectingLogHandler()
    system.configure(handler: Meddler { system.configure(handler: last) })
    let logger = Logger("x", system: system)
    logger.info("one")
    logger.info("two")
    #expect(last.records.map(\.message) == ["two"])
  }
}
