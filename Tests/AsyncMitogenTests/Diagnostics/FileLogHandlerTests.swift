import Foundation
import Testing

@testable import AsyncMitogen

struct FileLogHandlerTests {
  private let path = FileManager.default.temporaryDirectory.appending(path: "log.\(UUID().uuidString)").path

  private func lines() throws -> [String] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  @Test func `records are written as they come, and appended or not`() throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    let handler = try FileLogHandler(path: path)
    handler.log(LogRecord(level: .info, logger: "x", message: "one"))
    #expect(try lines().map { $0.dropFirst(16) } == ["I x: one"])
    let appending = try FileLogHandler(path: path, mode: .append)
    appending.log(LogRecord(level: .warning, logger: "x", message: "two"))
    handler.log(LogRecord(level: .info, logger: "x", message: "three"))
    #expect(try lines().map { $0.dropFirst(16) } == ["I x: one", "W x: two", "I x: three"])
    let permissions = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(permissions == 0o600)
    _ = try FileLogHandler(path: path)
    #expect(try lines().isEmpty)
  }

  @Test(.timeLimit(.minutes(1))) func `lines of several threads do not mix`() async throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    let handler = try FileLogHandler(path: path)
    await withTaskGroup { group in
      for task in 0..<4 {
        group.addTask {
          let message = String(repeating: "\(task)", count: 10_000)
          for _ in 0..<100 { handler.log(LogRecord(level: .info, logger: "x", message: message)) }
        }
      }
    }
    let messages = try lines().map { $0.dropFirst(21) }
    #expect(messages.count == 400)
    #expect(messages.allSatisfy { $0.count == 10_000 && Set($0).count == 1 })
  }

  @Test func `a file that cannot be opened is named with the reason`() {
    let error = #expect(throws: LogFileError.self) { try FileLogHandler(path: "/nonexistent/log") }
    #expect(error?.errorNumber == ENOENT)
    #expect(error?.description == "cannot open the log file /nonexistent/log: No such file or directory (error 2)")
  }

  @Test func `a child does not inherit the file, and it is closed in the end`() throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    var handler: FileLogHandler? = try FileLogHandler(path: path)
    handler?.log(LogRecord(level: .info, logger: "x", message: "one"))
    let open = try #require(try openDescriptor(of: path))
    #expect(fcntl(open, F_GETFD) & FD_CLOEXEC != 0)
    handler = nil
    #expect(try openDescriptor(of: path) == nil)
  }

  private func openDescriptor(of path: String) throws -> Int32? {
    let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
    return descriptors.first { link("/proc/self/fd/\($0)") == path }
  }

  private func link(_ path: String) -> String? {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &target, target.count)
    return count < 0 ? nil : String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
