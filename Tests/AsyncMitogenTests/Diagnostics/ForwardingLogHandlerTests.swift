import Synchronization
import Testing

@testable import AsyncMitogen

struct ForwardingLogHandlerTests {
  /// What went to the sink.
  private final class Sent: Sendable {
    private let payloads = Mutex<[[UInt8]]>([])
    var messages: [String] { payloads.withLock { $0 }.map { ForwardedLog(payload: $0)?.message ?? "malformed" } }
    var raw: [[UInt8]] { payloads.withLock { $0 } }
    func append(_ payload: [UInt8]) { payloads.withLock { $0.append(payload) } }
  }

  private func record(_ message: String, logger: String = "name", level: Int = 99) -> LogRecord {
    LogRecord(level: LogLevel(rawValue: level), logger: logger, message: message)
  }

  @Test func `nothing is sent while corked, and all of it once uncorked`() {
    let (handler, sent) = (ForwardingLogHandler(), Sent())
    handler.log(record("msg"))
    #expect(sent.raw.isEmpty)
    handler.uncork { sent.append($0) }
    #expect(sent.raw == [Array("name\u{0}99\u{0}msg".utf8)])
    handler.log(record("next"))
    #expect(sent.messages == ["msg", "next"])
  }

  @Test func `the second uncorking does nothing`() {
    let (handler, sent) = (ForwardingLogHandler(), Sent())
    handler.log(record("one"))
    handler.uncork { sent.append($0) }
    handler.uncork { _ in Issue.record("used") }
    handler.log(record("two"))
    #expect(sent.messages == ["one", "two"])
  }

  @Test func `frames are not logged through frames`() {
    let (handler, sent) = (ForwardingLogHandler(), Sent())
    handler.log(record("a", logger: "mitogen.io"))
    handler.uncork { sent.append($0) }
    handler.log(record("b", logger: "mitogen.io.frames"))
    handler.log(record("c", logger: "mitogen"))
    #expect(sent.messages == ["c"])
  }

  @Test func `the oldest are dropped, and counted`() {
    let (handler, sent) = (ForwardingLogHandler(recordLimit: 3, byteLimit: 1000), Sent())
    for number in 0..<10 { handler.log(record("\(number)")) }
    handler.uncork { sent.append($0) }
    #expect(sent.messages.count == 4)
    #expect(sent.messages[0].hasPrefix("7 earlier log records were dropped"))
    #expect(sent.messages[1...] == ["7", "8", "9"])
  }

  @Test func `bytes are bounded too`() {
    let (handler, sent) = (ForwardingLogHandler(recordLimit: 1000, byteLimit: 100), Sent())
    for number in 0..<10 { handler.log(record(String(repeating: "\(number)", count: 36))) }
    handler.uncork { sent.append($0) }
    #expect(sent.messages.dropFirst().map { $0.first } == ["8", "9"])
  }

  @Test func `a record that is larger than the buffer is dropped`() {
    let (handler, sent) = (ForwardingLogHandler(recordLimit: 10, byteLimit: 100), Sent())
    handler.log(record(String(repeating: "x", count: 200)))
    handler.uncork { sent.append($0) }
    #expect(sent.messages.count == 1)
    #expect(sent.messages[0].hasPrefix("1 earlier"))
  }

  @Test func `what is logged while uncorking comes after what waited`() {
    let (handler, sent) = (ForwardingLogHandler(), Sent())
    let meddled = Atomic(false)
    handler.log(record("one"))
    handler.log(record("two"))
    handler.uncork { payload in
      if !meddled.exchange(true, ordering: .relaxed) { handler.log(record("three")) }
      sent.append(payload)
    }
    #expect(sent.messages == ["one", "two", "three"])
  }

  @Test(.timeLimit(.minutes(1))) func `each task's records stay in order while uncorking`() async {
    let (handler, sent) = (ForwardingLogHandler(recordLimit: 100_000, byteLimit: 10_000_000), Sent())
    await withTaskGroup { group in
      for task in 0..<4 {
        group.addTask { for number in 0..<1000 { handler.log(record("\(number)", logger: "\(task)")) } }
      }
      group.addTask { handler.uncork { sent.append($0) } }
    }
    let logs = sent.raw.compactMap(ForwardedLog.init(payload:))
    for task in 0..<4 {
      #expect(logs.filter { $0.logger == "\(task)" }.map(\.message) == (0..<1000).map(String.init))
    }
  }
}
