import Testing

@testable import AsyncMitogen

struct ForwardedLogTests {
  @Test func `the payload is three fields with NULs between`() {
    let log = ForwardedLog(logger: "name", level: LogLevel(rawValue: 99), message: "msg")
    #expect(log.payload == Array("name\u{0}99\u{0}msg".utf8))
  }

  @Test(arguments: [
    ("", 10, ""), ("root", 20, "two\nlines"), ("mitogen.x", -5, "a\u{0}b\u{0}"), ("größe", 0, "€"),
    ("x", Int(Int32.max), String(repeating: "é", count: ForwardedLog.messageLimit / 2)),
    (String(repeating: "n", count: ForwardedLog.nameLimit), Int(Int32.min), "m"),
  ]) func `what is written is read again`(logger: String, level: Int, message: String) {
    let log = ForwardedLog(logger: logger, level: LogLevel(rawValue: level), message: message)
    #expect(ForwardedLog(payload: log.payload) == log)
  }

  @Test func `any record is read again`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let scalars = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
        Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) ?? "\u{0}"
      }
      let text = String(String.UnicodeScalarView(scalars))
      let name = String(String.UnicodeScalarView(scalars.filter { $0 != "\u{0}" }))
      let log = ForwardedLog(logger: name, level: .info, message: text)
      #expect(ForwardedLog(payload: log.payload) == log)
    }
  }

  @Test(arguments: [
    "", "name", "name\u{0}", "name\u{0}20", "name\u{0}\u{0}message", "name\u{0}info\u{0}message",
    "name\u{0} 20\u{0}message", "name\u{0}20.5\u{0}message", "name\u{0}99999999999\u{0}message",
    "name\u{0}2147483648\u{0}message", String(repeating: "n", count: ForwardedLog.nameLimit + 1) + "\u{0}20\u{0}m",
  ]) func `what is malformed is nothing`(payload: String) { #expect(ForwardedLog(payload: Array(payload.utf8)) == nil) }

  @Test func `bytes that are no text are replaced`() {
    let log = ForwardedLog(payload: [0x61, 0xFF, 0] + Array("20".utf8) + [0, 0xC3, 0x28, 0xE2, 0x82])
    #expect(log == ForwardedLog(logger: "a\u{FFFD}", level: .info, message: "\u{FFFD}(\u{FFFD}"))
  }

  @Test func `what is too long is cut where it says so`() throws {
    let long = String(repeating: "é", count: ForwardedLog.messageLimit)
    let log = ForwardedLog(logger: String(repeating: "é", count: 1000), level: .info, message: long)
    let read = try #require(ForwardedLog(payload: log.payload))
    #expect(read.logger == String(repeating: "é", count: 512))
    #expect(read.message.utf8.count <= ForwardedLog.messageLimit)
    #expect(read.message.hasSuffix("é… (1048640 bytes more)"))
    let foreign = ForwardedLog(payload: Array("x\u{0}20\u{0}".utf8) + Array(repeating: 0x80, count: 3_000_000))
    #expect(try #require(foreign).message.utf8.count <= 3 * ForwardedLog.messageLimit)
  }

  @Test func `a name cannot smuggle a separator`() {
    let log = ForwardedLog(logger: "a\u{0}50\u{0}b", level: .info, message: "m")
    #expect(ForwardedLog(payload: log.payload)?.logger == "a\u{FFFD}50\u{FFFD}b")
    #expect(ForwardedLog(payload: log.payload)?.level == .info)
  }

  @Test func `the master shows where a record came from, and keeps its thresholds`() {
    let handler = CollectingLogHandler()
    let system = LoggingSystem(handler: handler, levels: LogLevels(.info))
    system.receive(Array("stdout\u{0}20\u{0}hello".utf8), from: 7, named: "ssh.k3")
    system.receive(Array("x\u{0}10\u{0}too fine".utf8), from: 7, named: "ssh.k3")
    system.receive(Array("junk".utf8), from: 7, named: nil)
    #expect(handler.records.map(\.qualifiedLogger) == ["stdout.[ssh.k3]"])
    #expect(handler.records.first?.contextID == 7)
    system.configure(levels: LogLevels(.debug))
    system.receive(Array("junk".utf8), from: 7, named: nil)
    #expect(handler.records.last?.level == .debug)
    system.configure(levels: LogLevels(.off))
    system.receive(Array("x\u{0}2147483647\u{0}loud".utf8), from: 7, named: nil)
    #expect(handler.records.last?.level == .debug)
  }
}
