import Testing

@testable import AsyncMitogen

struct LogLevelTests {
  @Test(arguments: [
    ("io", LogLevel.io), ("IO", .io), ("Debug", .debug), ("INFO", .info), ("warn", .warning), ("WARNING", .warning),
    ("error", .error), ("critical", .critical), ("FATAL", .critical),
  ]) func `a name is read in any case`(name: String, level: LogLevel) { #expect(LogLevel(name: name) == level) }

  @Test(arguments: ["", "trace", "10", "info "]) func `other names are none`(name: String) {
    #expect(LogLevel(name: name) == nil)
  }

  @Test func `levels are ordered by Python's numbers`() {
    let levels = [LogLevel.io, .debug, .info, .warning, .error, .critical, .off]
    #expect(levels == levels.shuffled().sorted())
    #expect(levels[1...5].map(\.rawValue) == [10, 20, 30, 40, 50])
  }

  @Test(arguments: [(0, "D"), (5, "D"), (10, "D"), (20, "I"), (25, "I"), (30, "W"), (40, "E"), (50, "C"), (99, "C")])
  func `a number between has the letter of the level below`(number: Int, letter: String) {
    #expect(String(decoding: [LogLevel(rawValue: number).letter], as: UTF8.self) == letter)
  }

  @Test func `levels describe themselves`() {
    #expect("\(LogLevel.io) \(LogLevel.warning) \(LogLevel(rawValue: 99))" == "io warning level 99")
  }
}

struct LogLevelsTests {
  @Test(arguments: [
    ("", LogLevel.info), ("root", .info), ("inventory", .info), ("mitogenic", .info), ("stdout", .info),
    ("mitogen", .error), ("mitogen.parent", .error), ("mitogen.iox", .error), ("mitogen.io", .debug),
    ("mitogen.io.frames", .debug),
  ]) func `a logger obeys the configured one that it is or is below`(name: String, level: LogLevel) {
    #expect(LogLevels(root: .info, mitogen: .error, mitogenIO: .debug)[name] == level)
  }

  @Test(arguments: [
    (LogLevel.io, LogLevel.io), (.debug, .info), (.info, .info), (.warning, .warning), (.off, .off),
  ]) func `one level opens the logger of frames only if it is io`(level: LogLevel, frames: LogLevel) {
    #expect(LogLevels(level) == LogLevels(root: level, mitogen: level, mitogenIO: frames))
  }

  @Test func `a child's configuration holds three numbers`() {
    let levels = LogLevels(root: .info, mitogen: .debug, mitogenIO: .warning)
    #expect(levels.rawValues == [20, 10, 30])
    #expect(LogLevels(rawValues: [20, 10, 30]) == levels)
    #expect(LogLevels(rawValues: [20, 10]) == nil)
  }
}
