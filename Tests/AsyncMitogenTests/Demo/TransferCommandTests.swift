import Glibc
import Testing

@testable import AsyncMitogen
@testable import AsyncMitogenDemo

/// `copy` and `fetch`, over real contexts.
@Suite(.timeLimit(.minutes(1))) struct TransferCommandTests {
  private static func specs(_ texts: [String]) throws -> [TargetSpec] { try texts.map { try TargetSpec(parsing: $0) } }

  private static func copy(
    _ source: String, _ destination: String, _ targets: [String] = ["local"], resumes: Bool = false
  ) async throws -> TransferReport {
    let file = IncomingFile(source: source, destination: destination, resumes: resumes)
    return try await CopyCommand(options: TreeOptions(), targets: try specs(targets), file: file).report()
  }

  private static func fetch(
    _ source: String, _ destination: String, _ targets: [String] = ["local"], resumes: Bool = false
  ) async throws -> TransferReport {
    let file = IncomingFile(source: source, destination: destination, resumes: resumes)
    return try await FetchCommand(options: TreeOptions(), targets: try specs(targets), file: file).report()
  }

  /// Where the files are now, or why they are not, in the order of the targets.
  private static func ends(_ report: TransferReport) -> [String] {
    report.tree.members.map { node in
      report.tree.reason(of: node, in: report.answers)
        ?? ((try? report.answers[node.context.id]?.get().file.path) ?? "?")
    }
  }

  @Test(arguments: [0, 1, 3_000_001]) func `a file arrives with its mode and times`(_ size: Int) async throws {
    let box = try Sandbox()
    let content = Sandbox.content(size)
    let path = try box.file("from", content, mode: 0o4751)
    let times = [timespec(tv_sec: 1_000, tv_nsec: 1), timespec(tv_sec: 2_000, tv_nsec: 5)]
    unsafe utimensat(AT_FDCWD, path, times, 0)
    let report = try await Self.copy(path, box("to"))
    #expect(Self.ends(report) == [box("to")] && report.isComplete)
    let fetched = try await Self.fetch(path, box("fetched"))
    #expect(Self.ends(fetched) == [box("fetched")] && fetched.isComplete)
    for name in ["to", "fetched"] {
      let status = try #require(Sandbox.status(box(name)))
      #expect(status.st_mode & 0o7777 == 0o751 && status.st_mtim.tv_sec == 2_000 && status.st_mtim.tv_nsec == 5)
      #expect(box.read(name) == content)
    }
    #expect(box.names == ["fetched", "from", "to"])
  }

  @Test func `a directory, a link and what is there already`() async throws {
    let box = try Sandbox()
    let path = try box.file("from", [1, 2, 3])
    try box.file("old", [9])
    try box.directory("d")
    try box.link("link", to: "old")
    for (name, expected) in [("d", "d/from"), ("d/", "d/from"), ("link", "old")] {
      #expect(Self.ends(try await Self.copy(path, box(name))) == [box(expected)])
      #expect(Self.ends(try await Self.fetch(path, box(name))) == [box(expected)])
    }
    #expect(box.read("old") == [1, 2, 3] && box.names == ["d", "from", "link", "old"])
  }

  @Test func `what cannot be written or read is refused, and leaves nothing`() async throws {
    let box = try Sandbox()
    let path = try box.file("from", Sandbox.content(100_000))
    try box.directory("d")
    for run in [Self.copy, Self.fetch] {
      for (destination, message) in [
        (box("none/to"), "cannot write '\(box("none/to"))': No such file or directory"),
        ("/dev/null", "'/dev/null' is there, and is not a file"),
      ] {
        let report = try await run(path, destination, ["local"], false)
        #expect(Self.ends(report) == [message] && !report.isComplete)
        #expect(report.text(on: .output).contains("local: \(message)\n"))
      }
    }
    let missing = try await Self.fetch(box("none"), box("to"))
    #expect(Self.ends(missing) == ["cannot read '\(box("none"))': No such file or directory"])
    #expect(Self.ends(try await Self.fetch(box("d"), box("to"))) == ["'\(box("d"))' is not a regular file."])
    await #expect(throws: TransferError("'\(box("d"))' is not a file")) { try await Self.copy(box("d"), box("to")) }
    await #expect(throws: FileError(action: "open", path: box("none"), code: ENOENT)) {
      try await Self.copy(box("none"), box("to"))
    }
    // Several targets cannot all be called that.
    await #expect(throws: TransferError.self) { try await Self.fetch(path, path, ["local", "local/local"]) }
    await #expect(throws: FileError(action: "make the directory", path: box("none/d"), code: ENOENT)) {
      try await Self.fetch(path, box("none/d"), ["local", "local/local"])
    }
    #expect(box.names == ["d", "from"])
  }

  @Test(.enabled(if: geteuid() != 0, "root may read all")) func `what may not be read`() async throws {
    let box = try Sandbox()
    let path = try box.file("from", [1], mode: 0)
    #expect(Self.ends(try await Self.fetch(path, box("to"))) == ["cannot read '\(path)': Permission denied"])
    await #expect(throws: FileError(action: "open", path: path, code: EACCES)) { try await Self.copy(path, box("to")) }
  }

  @Test func `one of several targets that fails does not stop the others`() async throws {
    let box = try Sandbox()
    let path = try box.file("from", Sandbox.content(100_000))
    let report = try await Self.fetch(
      path, box("d"), ["local", "local?path=/nonexistent/program", "local/local", "local/local?name=a"])
    #expect(!report.isComplete && report.tree.failures.count == 1)
    #expect(report.text(on: .output).contains("/nonexistent/program: Child start failed"))
    let paths = ["local", "local_local", "local_local_name=a"].map { box("d/" + $0) }
    #expect(Set(Self.ends(report)) == Set(paths))
    for path in paths { #expect(Sandbox.status(path)?.st_size == 100_000) }
    guard case .object(let members) = report.json, case .array(let fetches)? = members.first?.value else {
      Issue.record("no fetches")
      return
    }
    #expect(members.map(\.name) == ["fetches", "stages"] && fetches.count == 4)
  }

  @Test func `a fetch goes on with what an earlier one has left`() async throws {
    let box = try Sandbox()
    let content = Sandbox.content(1_000_000)
    let path = try box.file("from", content)
    // Which it is, its owner's alone.
    try box.file(".to.partial", Array(content.prefix(700_000)), mode: 0o600)
    let partial = try #require(Sandbox.status(box(".to.partial")))
    #expect(Self.ends(try await Self.fetch(path, box("to"), resumes: true)) == [box("to")])
    #expect(box.read("to") == content && box.names == ["from", "to"])
    #expect(Sandbox.status(box("to"))?.st_ino == partial.st_ino)
    try box.file(".to.partial", [7], mode: 0o600)
    #expect(Self.ends(try await Self.copy(path, box("to"), resumes: true)) == [box("to")])
    #expect(box.read("to") == content && box.names == ["from", "to"])
  }

  // MARK: shared hops

  @Test(arguments: [
    (["local"], []), (["local", "local?name=a", "local?name=b/local/local"], []), (["local", "local/local"], [1]),
    (["local/local/local?name=a", "local/local/local?name=b"], [2]),
    (["local/local/local?name=a", "local/local/local?name=b", "local/local?name=c", "local/local"], [1, 2]),
  ]) func `where ways part`(_ targets: [String], _ depths: [Int]) async throws {
    try await withRouter { router in
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.connect(try Self.specs(targets), TargetOptions(), on: router, progress: progress)
      }
      let forks = tree.nodes.filter { tree.forks.contains($0.context.id) }
      #expect(forks.map(\.depth).sorted() == depths)
    }
  }

  /// How many bytes go over a hop when a file is copied, with what starts the context there.
  private static func linkBytes(_ source: String, _ box: Sandbox, to targets: [String]) async throws -> Int {
    let ssh = try StubProgram("ssh")
    let program = box("counting")
    // What a context writes to does not block any more, which what is read from here has to.
    let line = """
      sh -c 'echo $$ >"$0.number"; exec tee "$0.sent"' "$0" | { \(ShellCommand.quoted(ssh.path)) "$@" | cat
      kill $(cat "$0.number"); }
      """
    _ = try ShellCommand(
      "printf '#!/bin/sh\\n%s\\n' \(ShellCommand.quoted(line)) >\(program); chmod 755 \(program)")
    let hop = "ssh:host?ssh_path=\(program.replacing("/", with: "%2F"))"
    let report = try await copy(source, box("to/"), targets.map { hop + $0 })
    let isComplete = report.isComplete
    #expect(isComplete, "\(report.text(on: .output))")
    return Int(Sandbox.status(program + ".sent")?.st_size ?? 0)
  }

  @Test func `over a hop that targets share the file goes once`() async throws {
    let box = try Sandbox()
    try box.directory("to")
    let size = 8_000_000
    let (empty, large) = (try box.file("empty", []), try box.file("large", []))
    try #require(unsafe truncate(large, off_t(size)) == 0)
    let targets = ["", "/local:", "/local:?name=a", "/local:?name=b/local:"]
    let start = try await Self.linkBytes(empty, box, to: targets)
    let sent = try await Self.linkBytes(large, box, to: targets) - start
    #expect(sent > size && sent < size + size / 10)
    #expect(Sandbox.status(box("to/large"))?.st_size == off_t(size))
  }

  @Test func `where a hop has no room, targets get the file all the same`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let path = try box.file("from", Sandbox.content(300_000))
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.connect(
          try Self.specs(["local/local?name=a", "local/local?name=b"]), TargetOptions(), on: router,
          progress: progress)
      }
      let hop = try #require(tree.nodes.first)
      try await hop.context.call { _ = unsafe setenv("TMPDIR", "/nonexistent", 1) }
      let command = CopyCommand(
        options: TreeOptions(), targets: [], file: IncomingFile(source: path, destination: box("to")))
      let answers = try await command.send(300_000, in: tree, on: router)
      #expect(answers.count == 2)
      for answer in answers.values {
        let file = try answer.get().file
        #expect(file == TransferResult(path: box("to"), bytes: 300_000))
      }
    }
  }

  // MARK: ends

  @Test func `a target that is killed does not stop the others`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let path = try box.file("from", Sandbox.content(3_000_000))
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.connect(
          try Self.specs(["local/local?name=a", "local/local?name=b"]), TargetOptions(), on: router,
          progress: progress)
      }
      let victim = try #require(tree.members.last)
      let process = try await victim.context.call { getpid() }
      // It takes what it is sent, and does nothing with it.
      kill(process, SIGSTOP)
      let command = CopyCommand(
        options: TreeOptions(), targets: [], file: IncomingFile(source: path, destination: box("to")))
      let task = Task(executorPreference: router.loop.tasks) {
        try await command.send(3_000_000, in: tree, on: router)
      }
      while box.read("to") == nil { await Task.yield() }
      kill(process, SIGKILL)
      let answers = try await task.value
      let survivor = try #require(tree.members.first)
      let survived = try answers[survivor.context.id]?.get()
      #expect(survived?.file.bytes == 3_000_000)
      #expect(throws: ChannelError.self) { try answers[victim.context.id]?.get() }
      #expect(tree.reason(of: victim, in: answers)?.isEmpty == false)
    }
  }

  @Test(
    .enabled(
      if: geteuid() == 0 && (try? ShellCommand("unshare -m true").status) == 0, "needs root and mount namespaces"),
    arguments: ["copy", "fetch"])
  func `a full disk is an error, and leaves nothing`(_ command: String) async throws {
    let box = try Sandbox()
    let path = try box.file("from", Sandbox.content(3_000_000))
    try box.directory("d")
    let script = """
      mount -t tmpfs -o size=1m none \(box("d")) || exit 9
      \(Place.build)/AsyncMitogenDemo \(command) --on local \(path) \(box("d/to"))
      echo $?
      ls -A \(box("d"))
      """
    let output = await onOwnThread {
      (try? ShellCommand("unshare -m sh -c \(ShellCommand.quoted(script))").output) ?? ""
    }
    #expect(output.contains("local: cannot write '\(box("d/to"))': No space left on device\n"), "\(output)")
    #expect(output.hasSuffix("\n1\n"), "\(output)")
  }

  @Test(arguments: [("copy", false), ("fetch", false), ("copy", true), ("fetch", true)])
  func `Ctrl-C leaves nothing, or what can be resumed`(_ command: String, _ resumes: Bool) async throws {
    let box = try Sandbox()
    try box.directory("d")
    // More than anybody writes in the time in which this looks.
    let path = try box.file("large", [])
    try #require(unsafe truncate(path, 4 << 30) == 0)
    let words =
      [
        Place.build + "/AsyncMitogenDemo", command, "--on", "local/local", path, box("d/to"),
      ] + (resumes ? ["--resume"] : [])
    let nothing = FileDescriptor(unsafe open("/dev/null", O_RDWR | O_CLOEXEC))
    let process = try ChildProcess(
      path: words[0], arguments: words, environment: HostFacts.environment, input: nothing, output: nothing,
      error: nothing,
      poller: Poller())
    try process.watch()
    let status = await onOwnThread {
      // An empty file is not kept.
      while box.names(in: "d").allSatisfy({ Sandbox.status(box("d/" + $0))?.st_size ?? 0 == 0 }) { usleep(10_000) }
      process.signal(SIGINT)
      while process.status == nil {
        usleep(10_000)
        process.ready([])
      }
      return process.status
    }
    #expect(status == .exited(code: 130))
    #expect(box.names(in: "d") == (resumes ? [".to.partial"] : []))
  }
}
