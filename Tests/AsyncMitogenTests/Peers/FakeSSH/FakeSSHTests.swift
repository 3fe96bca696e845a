import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

/// The `ssh` itself: what comes through, and how it ends.
@Suite(.timeLimit(.minutes(2)))
struct FakeSSHTests {
  private typealias Fixtures = FakeSSHFixtures

  // MARK: what comes through

  @Test func `output, errors, status and half a connection`() async throws {
    try await withRouter { router in
      for context in try await Fixtures.contexts(router) {
        let result = try await Fixtures.script(
          "printf abc | ssh any 'cat; echo; echo oops >&2; exit 3'; echo $?", router, in: context)
        #expect(result == Fixtures.Result(status: .exited(code: 0), output: "abc\n3\n", errors: "oops\n"))
      }
    }
  }

  @Test func `the status is the command's, or that of the signal that ended it`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      for (command, code) in [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137), ("kill -15 $$", 143)]
        as [(String, Int32)]
      {
        #expect(try await Fixtures.run(["ssh", "h", command], router, in: child).status == .exited(code: code))
      }
      let missing = try await Fixtures.run(["ssh", "h", "no-such-program"], router, in: child)
      #expect(missing.status == .exited(code: 127) && missing.errors.contains("no-such-program"))
      #expect(try await Fixtures.script("kill -9 $$", router, in: child).status == .signalled(number: 9))
    }
  }

  @Test func `commands run in the context, at home, by a shell, whatever their bytes are`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let home = try await child.call { HomeDirectory.path }
      let result = try await Fixtures.script(
        #"ssh h 'pwd; echo $PPID; echo "$0"'; ssh h "printf '$(printf '\377\001')' | od -An -tx1"; ssh h echo a  b \; echo c"#,
        router, in: child)
      let lines = result.output.split(separator: "\n")
      try #require(lines.count == 6, "\(result)")
      #expect(lines[0] == home && lines[3] == " ff 01" && lines[4] == "a b" && lines[5] == "c")
    }
  }

  @Test func `files and nothing in the place of pipes`() async throws {
    let sandbox = try Sandbox()
    try sandbox.file("in", Sandbox.content(300_000))
    try await withRouter { router in
      let child = try await router.local()
      let script = """
        ssh h cat <in >out; cmp in out
        { read line; echo "$line"; ssh h cat; echo 4; } <lines >there; cat there
        ssh h cat </dev/null; ssh -n h cat; ssh h cat <&-; ssh h echo lost >&-; echo $?
        """
      try sandbox.file("lines", Array("1\n2\n3\n".utf8))
      #expect(
        try await Fixtures.script(script, router, in: child, directory: sandbox.path)
          == Fixtures.Result(status: .exited(code: 0), output: "1\n2\n3\n4\n0\n", errors: ""))
    }
  }

  @Test func `a context that was called runs programs itself`() async throws {
    try await withRouter { router in
      let contexts = try await Fixtures.contexts(router)
      let status = try await contexts[0].call(contexts[1]) { below in
        guard let router = ExternalContext.current?.router else { throw StreamError("not in a child") }
        return try await FakeSSH.run(["ssh", "h", "exit 5"], router: router, in: router.context(below.id))
      }
      #expect(status == .exited(code: 5))
    }
  }

  @Test func `what is asked wrongly is said, and fails as ssh fails`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      for (words, text) in [
        ([], "Missing hostname"), (["h"], "login mode not supported and no command specified"),
        (["-t", "h", "ls"], "-t: there are no terminals"),
        (["-s", "h", "netconf"], "subsystem netconf: there is only sftp"),
      ] {
        #expect(
          try await Fixtures.run(["ssh"] + words, router, in: child)
            == Fixtures.Result(status: .exited(code: 255), output: "", errors: "ssh: \(text)\n"))
      }
      #expect(try await Fixtures.run(["ssh", "-V"], router, in: child).status == .exited(code: 0))
    }
  }

  @Test func `what cannot be run is an error`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      await #expect(throws: FakeSSHError.self) { try await FakeSSH.run([], router: router, in: child) }
      await #expect(throws: FakeSSHError.self) { try await FakeSSH.run(["no-such-program"], router: router, in: child) }
      await #expect(throws: FakeSSHError.self) { try await FakeSSH.run(["a\0b"], router: router, in: child) }
      await #expect(throws: FakeSSHError.self) {
        try await FakeSSH.run(["true"], router: router, in: child, directory: "/no/such")
      }
      struct Enough: Error {}
      await #expect(throws: Enough.self) {
        try await FakeSSH.run(["ssh", "h", "yes"], router: router, in: child, output: .pieces { _ in throw Enough() })
      }
    }
  }

  // MARK: limits

  @Test func `64 MiB there and back, in little memory`() async throws {
    try await withRouter { router in
      let contexts = try await Fixtures.contexts(router)
      _ = try await Fixtures.run(["ssh", "h", "true"], router, in: contexts[1])
      let before = try await Self.peakMemory(of: contexts)
      let content = await onOwnThread { Sandbox.content(64 << 20) }
      let comparison = Comparison(content)
      let status = try await FakeSSH.run(
        ["ssh", "h", "cat"], router: router, in: contexts[1], input: .bytes(content),
        output: .pieces { await comparison.take($0) })
      #expect(status.isSuccess)
      #expect(await comparison.isSame)
      for (before, after) in zip(before, try await Self.peakMemory(of: contexts)) { #expect(after - before < 24 << 10) }
    }
  }

  @Test func `a writer is never far ahead of its reader`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let script = """
        i=0; while [ $i -lt 256 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i > '\(sandbox("count"))'; done
        """
      let reader = SlowReader(sandbox: sandbox)
      let status = try await FakeSSH.run(
        ["ssh", "h", script], router: router, in: child, output: .pieces { await reader.take($0.count) })
      #expect(status.isSuccess)
      #expect(await reader.consumed == 256 * 65_536)
      // The window, and what pipes and pieces on the way hold.
      #expect(await reader.furthest <= (1 << 20) + 8 * 65_536)
      #expect(await reader.furthest >= 1 << 20)
    }
  }

  @Test func `commands have limits: how many, and how long`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let script = """
        mkfifo in out; ssh h 'echo up; cat' <in >out & exec 3>in 4<out
        read line <&4; ssh h true; echo $line $?; exec 3>&-; wait; ssh h true; echo $?
        """
      #expect(
        try await Fixtures.script(script, router, in: child, directory: sandbox.path, limits: .init(sessions: 1))
          == Fixtures.Result(
            status: .exited(code: 0), output: "up 255\n0\n",
            errors: "ssh: 1 commands run already, and there may be no more\n"))
      let long = try await Fixtures.run(["ssh", "h", "echo 12345"], router, in: child, limits: .init(commandSize: 9))
      #expect(long.errors == "ssh: the command has 10 bytes, of which there may be 9\n")
      let longest = ": " + String(repeating: "x", count: 131_069)
      #expect(try await Fixtures.run(["ssh", "h", longest], router, in: child).status.isSuccess)
      let words = Array(repeating: String(repeating: "x", count: 65_000), count: 6)
      #expect(
        try await Fixtures.run(["ssh", "h"] + words, router, in: child).errors
          == "ssh: the command line has 390008 bytes: too many\n")
    }
  }

  // MARK: the end

  @Test func `a reader that goes ends the command`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let result = try await Fixtures.script("ssh h 'echo $$; exec yes' | head -n 2", router, in: child)
      let process = try #require(result.output.split(separator: "\n").first.flatMap { Int32($0) })
      #expect(result.status.isSuccess)
      #expect(await Fixtures.isGone(process))
    }
  }

  @Test func `a cancelled task ends the program and the command`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      // One ends when it is asked to, the other does not.
      for prelude in ["", "trap '' TERM;"] {
        let output = FakeSSHFixtures.Collector()
        let task = Task(executorPreference: router.broker?.taskExecutor) {
          try await FakeSSH.run(
            ["/bin/sh", "-c", "echo $$; exec ssh h \"\(prelude) echo \\$\\$; exec sleep 1000\""], router: router,
            in: child, output: .pieces { await output.take($0) })
        }
        let processes = await output.lines(2).compactMap { Int32($0) }
        try #require(processes.count == 2)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for process in processes { #expect(await Fixtures.isGone(process)) }
      }
    }
  }

  @Test func `an ssh that is killed ends its command`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let result = try await Fixtures.script(
        """
        mkfifo out; ssh h 'echo $$; exec sleep 1000' >out & exec 4<out; read pid <&4
        echo $pid; kill -9 $!; wait $!; echo $?
        """, router, in: child, directory: sandbox.path)
      let lines = result.output.split(separator: "\n").compactMap { Int32($0) }
      try #require(lines.count == 2)
      #expect(lines[1] == 137)
      #expect(await Fixtures.isGone(lines[0]))
    }
  }

  @Test func `a context that is killed ends its command, and the ssh says so`() async throws {
    try await withRouter { router in
      for hop in 0...1 {
        let contexts = try await Fixtures.contexts(router)
        let context = contexts[hop]
        let killed = try await context.call { getpid() }
        let (output, errors) = (FakeSSHFixtures.Collector(), FakeSSHFixtures.Collector())
        let task = Task(executorPreference: router.broker?.taskExecutor) {
          try await FakeSSH.run(
            ["ssh", "h", "trap '' TERM; echo $$; sleep 1000 & wait; sleep 1000"], router: router, in: context,
            output: .pieces { await output.take($0) }, errors: .pieces { await errors.take($0) })
        }
        let process = try #require(await output.lines(1).first.flatMap { Int32($0) })
        kill(killed, SIGKILL)
        #expect(try await task.value == .exited(code: 255))
        #expect(await errors.text.contains("disconnected"))
        #expect(await Fixtures.isGone(process))
      }
    }
  }

  @Test func `a process that runs a program and is killed ends it, and the command`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let contexts = try await Fixtures.contexts(router)
      let killed = try await contexts[0].call { getpid() }
      let paths = [sandbox("program"), sandbox("command"), sandbox("directory")]
      sandbox.fifo("ready")
      let script = """
        dirname "$(command -v ssh)" > \(paths[2]); echo $$ > \(paths[0])
        exec ssh h 'echo $$ > \(paths[1]); echo > \(sandbox("ready")); exec sleep 1000'
        """
      try contexts[0].callNoReply(contexts[1], script) { below, script in
        guard let router = ExternalContext.current?.router else { return }
        _ = try await FakeSSH.run(["/bin/sh", "-c", script], router: router, in: router.context(below.id))
      }
      let ready = sandbox("ready")
      await onOwnThread { _ = try? ShellCommand("cat '\(ready)'") }
      kill(killed, SIGKILL)
      for path in ["program", "command"] {
        let text = String(decoding: sandbox.read(path) ?? [], as: UTF8.self).dropLast()
        #expect(await Fixtures.isGone(try #require(Int32(text))))
      }
      // By the guard, a moment later.
      let directory = String(decoding: sandbox.read("directory") ?? [], as: UTF8.self).dropLast()
      #expect(directory.hasSuffix("/mitogen_ssh_\(directory.suffix(6))"))
      while Sandbox.status(String(directory)) != nil { await Task.yield() }
    }
  }

  // MARK: what is on disk

  @Test func `the directory is this account's alone, and gone afterwards`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let result = try await Fixtures.script(
        #"d=$(dirname "$(command -v ssh)"); echo "$d"; stat -c %a "$d" "$d/socket" "$d/ssh""#, router, in: child)
      let lines = result.output.split(separator: "\n").map(String.init)
      try #require(lines.count == 4)
      #expect(lines[1...] == ["700", "600", "700"])
      #expect(Sandbox.status(lines[0]) == nil)
    }
  }

  @Test func `temporary files in a long path with blanks`() async throws {
    let sandbox = try Sandbox()
    let directory = try sandbox.directory("it's " + String(repeating: "long", count: 50))
    try await withRouter { router in
      let child = try await router.local()
      let result = try await Fixtures.run(
        ["/bin/sh", "-c", "command -v ssh; ssh h echo up"], router, in: child, environment: ["TMPDIR": directory])
      #expect(result.output.hasPrefix(directory) && result.output.hasSuffix("\nup\n") && result.errors.isEmpty)
    }
  }

  @Test func `a program that others may not execute where it is`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let broker = try #require(router.broker)
      let environment = HostFacts.environment
      let programs = try FakeSSHPrograms(environment: environment, copies: true)
      defer { programs.remove() }
      let output = FakeSSHFixtures.Collector()
      let run = FakeSSHRun(router: router, broker: broker, context: child, programs: programs, limits: .init())
      let status = try await run.run(
        ["ssh", "h", "echo up"], environment: programs.environment(environment), nil, .nothing,
        .pieces { await output.take($0) }, .inherited)
      #expect(status.isSuccess)
      #expect(await output.text == "up\n")
      #expect(Sandbox.status("\(programs.path)/program") != nil)
    }
  }

  @Test func `the program's file may be gone, here and in the context`() async throws {
    let sandbox = try Sandbox()
    // By another process: one that this one starts meanwhile would have it open to write.
    try #require(try ShellCommand("cp /proc/\(getpid())/exe '\(sandbox("program"))'").status == 0)
    try await withRouter { router in
      let child = try await router.connect(LocalConnection(path: sandbox("program")))
      sandbox.remove("program")
      let grandchild = try await router.local(via: child)
      let status = try await child.call(grandchild) { below in
        guard let router = ExternalContext.current?.router else { throw StreamError("not in a child") }
        return try await FakeSSH.run(["ssh", "h", "exit 5"], router: router, in: router.context(below.id))
      }
      #expect(status == .exited(code: 5))
    }
  }

  @Test func `homes are found without the C library`() {
    let accounts = Array(
      "# x:x:7::/no:\nroot:x:0:0::/root:/bin/sh\nme:x:1000:1000:Me,,:/home/me:/bin/sh\nbad:x:7\n".utf8)
    #expect(HomeDirectory.find(1_000, in: accounts) == "/home/me")
    #expect(HomeDirectory.find(0, in: accounts) == "/root")
    #expect(HomeDirectory.find(7, in: accounts) == nil)
  }

  // MARK: measuring

  /// The most memory that each context has had, in KiB.
  private static func peakMemory(of contexts: [Context]) async throws -> [Int] {
    var peaks: [Int] = []
    for context in contexts {
      peaks.append(
        try await context.call {
          let text = try ShellCommand("grep VmHWM /proc/\(getpid())/status").output
          return Int(text.filter(\.isNumber)) ?? 0
        })
    }
    return peaks
  }

  /// Compares what comes with what was sent.
  private actor Comparison {
    private let expected: [UInt8]
    private var position = 0
    private var differs = false

    init(_ expected: [UInt8]) { self.expected = expected }

    var isSame: Bool { !differs && position == expected.count }

    func take(_ piece: [UInt8]) {
      let end = min(position + piece.count, expected.count)
      if !expected[position..<end].elementsEqual(piece) { differs = true }
      position = end
    }
  }

  /// Reads when the writer has come so far that it could only go on without regard for its reader.
  private actor SlowReader {
    private let sandbox: Sandbox
    private(set) var consumed = 0
    private(set) var furthest = 0

    init(sandbox: Sandbox) { self.sandbox = sandbox }

    /// None while the file is not there yet, or is just being written anew.
    private var produced: Int {
      let text = String(decoding: sandbox.read("count") ?? [], as: UTF8.self)
      return (Int(text.filter(\.isNumber)) ?? 0) * 65_536
    }

    func take(_ count: Int) async {
      if consumed == 0 {
        while produced < 17 * 65_536 { await Task.yield() }
      }
      furthest = max(furthest, produced - consumed)
      consumed += count
    }
  }
}

extension Sandbox {
  /// Makes a pipe with a name.
  func fifo(_ name: String) {
    let path = self(name)
    _ = unsafe mkfifo(path, 0o600)
  }
}
