import Foundation
import Testing

@testable import AsyncMitogen

struct LogLineTests {
  private func line(_ message: String, logger: String = "inventory", level: LogLevel = .info) -> String {
    let record = LogRecord(
      level: level, logger: logger, message: message, time: LogTime(seconds: 0, nanoseconds: 1_234_999))
    return String(decoding: LogLine.bytes(of: record, at: TimeOfDay(hour: 9, minute: 5, second: 59)), as: UTF8.self)
  }

  @Test func `a record is one line in Mitogen's format`() {
    #expect(line("hello") == "09:05:59.001234 I inventory: hello\n")
    #expect(line("grüße €", logger: "", level: .error) == "09:05:59.001234 E root: grüße €\n")
  }

  @Test func `a child's record names the child`() {
    var record = LogRecord(level: .info, logger: "stdout", message: "hi", contextID: 3, contextName: "local.32466")
    #expect(record.description.hasSuffix(" I stdout.[local.32466]: hi"))
    record.contextName = nil
    #expect(record.qualifiedLogger == "stdout.[3]")
  }

  @Test func `no line of a message can pass for another record`() {
    #expect(line("one\ntwo\n") == "09:05:59.001234 I inventory: one\n    two\n    \n")
    #expect(line("one\r\ntwo\r") == "09:05:59.001234 I inventory: one\n    two\n")
    #expect(line("x", logger: "a\nb") == "09:05:59.001234 I a\\x0ab: x\n")
  }

  @Test func `control characters do not reach the terminal`() {
    #expect(
      line("a\tb\u{1b}[2J\rc\u{7f}\u{9b}1mé\u{0}")
        == "09:05:59.001234 I inventory: a\tb\\x1b[2J\\x0dc\\x7f\\x9b1mé\\x00\n")
  }

  @Test(arguments: [0, 1_700_000_000, 1_719_792_000, 951_782_400]) func `the time is local`(seconds: Int64) {
    let parts = Calendar.current.dateComponents(
      [.hour, .minute, .second], from: Date(timeIntervalSince1970: Double(seconds)))
    let time = TimeOfDay.local(at: LogTime(seconds: seconds))
    #expect([Int(time.hour), Int(time.minute), Int(time.second)] == [parts.hour, parts.minute, parts.second])
    #expect(TimeOfDay.local(at: LogTime(seconds: seconds, nanoseconds: 5)) == time)
  }

  @Test func `now is now`() {
    #expect(abs(Double(LogTime.now.seconds) - Date().timeIntervalSince1970) < 60)
    #expect(LogTime(seconds: 1, nanoseconds: 2) < LogTime(seconds: 1, nanoseconds: 3))
  }
}
