import Glibc
import Testing

@testable import AsyncMitogen

/// Files in a directory that others may write to.
struct DiagnosticFileTests {
  @Test func `names stay in the directory`() {
    #expect(DiagnosticFile.sanitized("mitogen.stats.12.context-3") == "mitogen.stats.12.context-3")
    #expect(DiagnosticFile.sanitized("../../etc/passwd") == "_.._.._etc_passwd")
    #expect(DiagnosticFile.sanitized("a b\nc\0ä") == "a_b_c___")
    #expect(DiagnosticFile.sanitized("") == "_" && DiagnosticFile.sanitized(".hidden") == "_.hidden")
    #expect(DiagnosticFile.sanitized(String(repeating: "x", count: 500)).utf8.count == 128)
  }

  @Test func `what is there already is not touched, be it a file, a link or a pipe`() throws {
    let sandbox = try Sandbox()
    try sandbox.file("victim", [1, 2, 3])
    try sandbox.link("name.log", to: sandbox("victim"))
    try sandbox.link("name.1.log", to: sandbox("nowhere"))
    let made = unsafe mkfifo(sandbox("name.2.log"), 0o666)
    #expect(made == 0)
    let file = try DiagnosticFile(named: "name", in: sandbox.path)
    #expect(file.path == sandbox("name.3.log"))
    file.write("text\n")
    #expect(Facts.read(file.path) == "text\n")
    let reaches = unsafe access(sandbox("nowhere"), F_OK)
    #expect(Facts.read(sandbox("victim")) == "\u{1}\u{2}\u{3}" && reaches != 0)
    var status = stat()
    let found = unsafe stat(file.path, &status)
    #expect(found == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test func `no place is an error`() throws {
    let error = #expect(throws: LogFileError.self) { _ = try DiagnosticFile(named: "a", in: "/nonexistent").path }
    #expect(error?.errorNumber == ENOENT)
    let sandbox = try Sandbox()
    for number in 0..<100 { try sandbox.file(number == 0 ? "a.log" : "a.\(number).log", []) }
    let full = #expect(throws: LogFileError.self) { _ = try DiagnosticFile(named: "a", in: sandbox.path).path }
    #expect(full?.errorNumber == EEXIST)
  }
}

/// Debug logs of real processes.
@Suite(.timeLimit(.minutes(1)))
struct DebugLogTests {
  @Test func `each process has its own, those that are there and those that come`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let paths = try await child.call(sandbox.path) { path in
        Observing.useDirectory(path)
        let router = try Observing.router()
        let before = try await router.local()
        let paths = try await router.enableDebug()
        let after = try await router.local()
        for context in [before, after] {
          try await context.call { Logger("inventory").debug("a word of \(Mitogen.contextID)") }
        }
        Logger("inventory").debug("a word of \(Mitogen.contextID)")
        // Asked again, it stays the same.
        #expect(try await router.enableDebug()[before.id] == paths[before.id])
        return paths.mapKeys(\.rawValue)
      }
      let files = try await Observing.wait(for: "mitogen.", count: 3, in: sandbox.path)
      #expect(files.count == 3 && paths.count == 2 && Set(paths.values).isSubset(of: files))
      let texts = files.compactMap { Facts.read($0) }
      #expect(texts.allSatisfy { $0.hasPrefix("Parent PID: ") })
      for text in texts {
        let context = try #require(text.split(separator: "\n").first { $0.hasPrefix("Context: ") }).dropFirst(9)
        #expect(text.contains(" D inventory: a word of \(context)\n"))
      }
    }
  }

  @Test func `what was logged before goes where it went`() throws {
    let sandbox = try Sandbox()
    let terminal = CollectingLogHandler()
    let file = try DiagnosticFile(named: "debug", in: sandbox.path)
    let handler = DebugLogHandler(file, previous: terminal, levels: LogLevels(.warning))
    let system = LoggingSystem(handler: handler, levels: LogLevels(.debug))
    Logger("a", system: system).debug("quiet")
    Logger("a", system: system).error("loud")
    #expect(terminal.records.map(\.message) == ["loud"])
    let text = try #require(Facts.read(handler.path))
    #expect(text.contains("quiet") && text.contains("loud"))
  }
}

extension Dictionary {
  fileprivate func mapKeys<Other: Hashable>(_ transform: (Key) -> Other) -> [Other: Value] {
    [Other: Value](uniqueKeysWithValues: map { (transform($0.key), $0.value) })
  }
}
