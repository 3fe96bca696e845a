import AsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogenDemo

@Suite(.timeLimit(.minutes(1))) struct TailTests {
  @Test(arguments: [
    ("", 3, 0), ("a\nb\nc\n", 0, 6), ("a\nb\nc\n", 1, 4), ("a\nb\nc", 1, 4), ("a\nb\nc\n", 2, 2), ("a\nb\nc\n", 3, 0),
    ("a\nb\nc\n", 9, 0), ("\n\n\n", 1, 2), ("\n\n\n", 2, 1), ("abc", 1, 0), ("\nabc", 1, 1),
  ]) func `the last lines`(_ text: String, _ count: Int, _ expected: Int) throws {
    let bytes = Array(text.utf8)
    #expect(try LastLines.start(of: count, size: bytes.count) { Array(bytes[$0]) } == expected)
  }

  @Test func `the last lines of a large file`() throws {
    let text = (0..<40_000).map { "line \($0)\n" }.joined()
    let bytes = Array(text.utf8)
    for count in [1, 7, 9_999, 39_999, 40_000, 40_001] {
      let start = try LastLines.start(of: count, size: bytes.count) { Array(bytes[$0]) }
      #expect(bytes[start...].count { $0 == UInt8(ascii: "\n") } == min(count, 40_000))
      #expect(start == 0 || bytes[start - 1] == UInt8(ascii: "\n"))
    }
    // A file that has become shorter meanwhile.
    #expect(try LastLines.start(of: 3, size: bytes.count) { _ in [] } == 0)
  }

  @Test func `what to do next`() throws {
    let file = try #require(FileStatus.of("/etc/passwd"))
    let other = try #require(FileStatus.of("/etc/hostname") ?? FileStatus.of("/etc/group"))
    #expect(FollowStep(open: file, named: file, position: file.size) == .wait)
    #expect(FollowStep(open: file, named: file, position: file.size - 1) == .read)
    #expect(FollowStep(open: file, named: file, position: file.size + 1) == .restart)
    #expect(FollowStep(open: file, named: other, position: file.size) == .reopen)
    // What was written before is not lost.
    #expect(FollowStep(open: file, named: other, position: file.size - 1) == .read)
    #expect(FollowStep(open: file, named: other, position: file.size + 1) == .reopen)
    #expect(FollowStep(open: file, named: nil, position: file.size) == .mourn)
    #expect(FollowStep(open: file, named: nil, position: 0) == .read)
  }

  @Test func `a file is followed through all that becomes of it`() async throws {
    var name = Array("/tmp/tail-XXXXXX".utf8CString)
    try #require(unsafe mkdtemp(&name) != nil)
    let directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = try? ShellCommand("rm -r " + ShellCommand.quoted(directory)) }
    func shell(_ line: String) throws { #expect(try ShellCommand("cd \(directory) && " + line).status == 0) }

    try await withRouter { router in
      let child = try await router.local()
      let output = Receiver<TailedLines>(router: router)
      let file = FollowedFile(path: directory + "/log", lines: 2, context: child.id)
      try shell("printf '1\\n2\\n3\\n' > log")
      let call = child.callAsync(file, output.sender) { try await $0.follow(sendingTo: $1) }
      func expect(_ expected: String...) async throws {
        var found: [String] = []
        while found.count < expected.count {
          let tailed = try await output.get(timeout: .seconds(30))
          #expect(tailed.context == child.id)
          found += tailed.lines + [tailed.notice].compactMap { $0 }
        }
        #expect(found == expected)
      }
      try await expect("2", "3")
      try shell("printf '4\\nha' >> log && printf 'lf\\n' >> log")
      try await expect("4", "half")
      // Written to the old file after it has been renamed, then a new one: nothing is lost.
      try shell("mv log log.1 && printf '5\\nend' >> log.1 && echo 6 > new && mv new log")
      var rotated: [String] = []
      while rotated.last != "6" {
        let tailed = try await output.get(timeout: .seconds(30))
        rotated += tailed.lines
      }
      #expect(rotated == ["5", "end", "6"])
      try shell("echo > log")
      try await expect("has become shorter: read from its beginning", "")
      try shell("rm log")
      try await expect("is there no more")
      try shell("echo back > new && mv new log")
      try await expect("is another file now: read from its beginning", "back")
      call.close()
    }
  }

  @Test func `a file that is not there is waited for, and a directory is refused`() async throws {
    var name = Array("/tmp/tail-XXXXXX".utf8CString)
    try #require(unsafe mkdtemp(&name) != nil)
    let directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = try? ShellCommand("rm -r " + ShellCommand.quoted(directory)) }
    try await withRouter { router in
      let child = try await router.local()
      let output = Receiver<TailedLines>(router: router)
      let file = FollowedFile(path: directory + "/log", lines: 2, context: child.id)
      let call = child.callAsync(file, output.sender) { try await $0.follow(sendingTo: $1) }
      #expect(try await output.get(timeout: .seconds(30)).notice?.hasSuffix(": waiting for it") == true)
      #expect(try ShellCommand("cd \(directory) && printf 'a\\nb\\nc\\n' > new && mv new log").status == 0)
      #expect(try await output.get(timeout: .seconds(30)).notice == "is there: read from its beginning")
      #expect(try await output.get(timeout: .seconds(30)).lines == ["a", "b", "c"])
      call.close()
      let refused = FollowedFile(path: directory, lines: 2, context: child.id)
      let error = await #expect(throws: CallError.self) {
        try await child.call(refused, output.sender) { try await $0.follow(sendingTo: $1) }
      }
      #expect(error?.message == "'\(directory)' is not a file")
    }
  }
}
