import AsyncMitogen
import Glibc
import Testing

/// How contexts end, whatever happens to those above them and to themselves.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct EndTests {
  @Test func `leaving the scope ends every context, also by an error or cancelled`() async throws {
    var pids: [Int32] = []
    await #expect(throws: Opaque.self) {
      try await withRouter { router in
        let child = try await router.local()
        pids = [try await child.call { Facts.processID() }]
        pids.append(try await router.local(via: child).call { Facts.processID() })
        throw Opaque()
      }
    }
    // The direct child is reaped; the one below ends just before its parent does.
    #expect(pids.allSatisfy { !Facts.isAlive($0) })
    let begun = AsyncStream.makeStream(of: Int32.self)
    let task = Task {
      try await withRouter { router in
        let child = try await router.local()
        begun.continuation.yield(try await child.call { Facts.processID() })
        try await child.call { try await Task.sleep(for: .seconds(60)) }
      }
    }
    var iterator = begun.stream.makeAsyncIterator()
    let pid = try #require(await iterator.next())
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(!Facts.isAlive(pid))
  }

  @Test func `a child that is killed or crashes says how, and what it printed`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let waiting = child.callAsync { try await Task.sleep(for: .seconds(60)) }
      try await child.call {
        print("the last line")
        let text = "no newline"
        _ = unsafe write(2, text, text.utf8.count)
      }
      let pid = try await child.call { Facts.processID() }
      kill(pid, SIGKILL)
      let error = await #expect(throws: ChannelError.self) { try await waiting.get(timeout: .seconds(20)) }
      #expect(error?.reason == "the respondent Context has disconnected")
      #expect(error?.detail?.contains("signal 9 (SIGKILL)") == true)
      #expect(error?.detail?.contains("the last line") == true)
      let crashing = try await router.local()
      let crash = await #expect(throws: ChannelError.self) {
        try await crashing.call { Facts.crash("a reason to crash") }
      }
      #expect(crash?.detail?.contains("exited due to signal") == true)
      #expect(crash?.detail?.contains("a reason to crash") == true)
      let exiting = try await router.local()
      let exit = await #expect(throws: ChannelError.self) { try await exiting.call { Facts.leave(3) } }
      #expect(exit?.detail?.contains("exited with return code 3") == true)
      // The same, seen from two contexts above.
      let parent = try await router.local()
      let below = try await router.local(via: parent)
      let far = await #expect(throws: ChannelError.self) { try await below.call { Facts.crash("far away") } }
      #expect(far?.detail?.contains("far away") == true)
      #expect(try await parent.call { 1 } == 1)
    }
  }

  @Test func `one that does not end is killed`() async throws {
    let configuration = RouterConfiguration(shutdownTimeout: .milliseconds(300))
    var pids: [Int32] = []
    let clock = ContinuousClock()
    var start = clock.now
    try await withRouter(configuration: configuration) { router in
      let stopped = try await router.local()
      pids.append(try await stopped.call { Facts.processID() })
      let busy = try await router.local()
      pids.append(try await busy.call { Facts.processID() })
      let begun = Receiver<Int>(router: router)
      try busy.callNoReply(begun.sender) { begun in
        signal(SIGTERM, SIG_IGN)
        try begun.post(1)
        while true { sched_yield() }
      }
      _ = try await begun.get(timeout: .seconds(20))
      kill(pids[0], SIGSTOP)
      start = clock.now
    }
    #expect(start.duration(to: clock.now) < .seconds(5))
    #expect(pids.allSatisfy { !Facts.isAlive($0) })
  }

  @Test func `when the master is killed a tree of fifty is gone within a second`() async throws {
    try await withRouter { router in
      let master = try await router.local()
      // What is the master of this tree is a child of ours, so that it can be killed.
      let pids = try await master.call {
        guard let current = ExternalContext.current else { throw Opaque() }
        return try await Fifty.start(current.router)
      }
      #expect(pids.count == 50)
      #expect(pids.allSatisfy { Facts.isAlive($0) })
      let pid = try await master.call { Facts.processID() }
      kill(pid, SIGKILL)
      let time = try #require(Facts.waitForEnd(of: pids, limit: .seconds(10)))
      print("50 contexts, 5 deep, were gone \(time) after their master was killed")
      #expect(time < .seconds(1))
    }
  }

  @Test func `what fails to start says why, and leaves no process`() async throws {
    try await withRouter { router in
      let missing = await #expect(throws: ConnectionError.self) {
        _ = try await router.connect(LocalConnection(path: "/nonexistent/program"))
      }
      #expect(missing?.message == "Child start failed: [Errno 2] No such file or directory")
      let silent = await #expect(throws: ConnectionError.self) {
        let options = ConnectionOptions(connectTimeout: .milliseconds(200))
        _ = try await router.connect(Script(text: "echo $$ >&2; exec sleep 60", options: options))
      }
      #expect(silent?.message.contains("did not come up within") == true)
      let pid = try #require(silent?.lines.first.flatMap { Int32($0) })
      #expect(Facts.waitForEnd(of: [pid], limit: .seconds(10)) != nil)
      let ended = await #expect(throws: ConnectionError.self) {
        _ = try await router.connect(Script(text: "echo some reason >&2; exit 7"))
      }
      #expect(ended?.lines == ["some reason"])
      #expect(ended?.status == .exited(code: 7))
      #expect(ended?.description.contains("some reason") == true)
      let wrong = await #expect(throws: ConnectionError.self) { _ = try await router.local(remoteName: "a/b") }
      #expect(wrong?.message.contains("slashes") == true)
      let child = try await router.local()
      let proxied = await #expect(throws: ConnectionError.self) {
        _ = try await router.connect(LocalConnection(path: "/nonexistent/program"), via: child)
      }
      #expect(proxied?.route == [0, child.id])
    }
  }

  @Test func `connecting can be cancelled, and ends with the router`() async throws {
    var pids: [Int32] = []
    try await withRouter { router in
      let file = "/tmp/amt-connect-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
      defer { unsafe unlink(file) }
      let task = Task { try await router.connect(Script(text: "echo $$ > \(file); exec sleep 60")) }
      while Facts.read(file)?.hasSuffix("\n") != true { await Task.yield() }
      pids.append(try #require(Facts.read(file).flatMap { Int32($0.dropLast()) }))
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      let second = file + "b"
      defer { unsafe unlink(second) }
      let left = Task { try await router.connect(Script(text: "echo $$ > \(second); exec sleep 60")) }
      while Facts.read(second)?.hasSuffix("\n") != true { await Task.yield() }
      pids.append(try #require(Facts.read(second).flatMap { Int32($0.dropLast()) }))
      await router.shutdown()
      let error = await #expect(throws: ConnectionError.self) { try await left.value }
      #expect(error?.phase == .cancelled)
    }
    #expect(pids.count == 2)
    #expect(Facts.waitForEnd(of: pids, limit: .seconds(10)) != nil)
  }

  @Test func `many calls leave nothing behind`() async throws {
    let isLong = unsafe getenv("AMT_LONG") != nil
    let count = isLong ? 100_000 : 20_000
    try await withRouter { router in
      let child = try await router.local()
      func round(_ calls: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for worker in 0..<20 {
            group.addTask {
              for number in 0..<calls / 20 { _ = try await child.call(worker, number) { $0 + $1 } }
            }
          }
          try await group.waitForAll()
        }
      }
      try await round(4_000)
      let (handlers, descriptors, memory) = (
        router.handlerCount, Facts.descriptorCount(), Facts.residentKilobytes()
      )
      let remote = try await child.call { [Facts.descriptorCount(), Facts.residentKilobytes()] }
      try await round(count)
      let after = try await child.call { [Facts.descriptorCount(), Facts.residentKilobytes()] }
      #expect(router.handlerCount == handlers)
      let grown = Facts.residentKilobytes() - memory
      print("\(count) calls: \(grown) KB more here, \(after[1] - remote[1]) KB more in the child")
      #expect(after[0] == remote[0])
      // Other tests run beside this one, in this process, with descriptors and memory of their own.
      #expect(after[1] - remote[1] < 2_048)
      if isLong { #expect(Facts.descriptorCount() == descriptors && grown < 4_096) }
    }
  }
}

/// A program that is no context.
struct Script: ConnectionMethod {
  static let methodName = "script"
  var text: String
  var options = ConnectionOptions()

  func launchPlan() -> LaunchPlan { LaunchPlan(path: "/bin/sh", arguments: ["sh", "-c", text]) }
  func contextName(processID: Int32) -> String { "script.\(processID)" }
}

/// Fifty contexts, five deep, some of them busy.
enum Fifty {
  static func start(_ router: Router) async throws -> [Int32] {
    var pids: [Int32] = []
    for column in 0..<10 {
      var context: Context?
      for row in 0..<5 {
        let next = try await router.local(via: context)
        pids.append(try await next.call { Facts.processID() })
        switch (column + row) % 3 {
        case 0: try next.callNoReply { try await Task.sleep(for: .seconds(60)) }
        case 1:
          try next.callNoReply {
            signal(SIGTERM, SIG_IGN)
            sleep(60)
          }
        default: break
        }
        context = next
      }
    }
    return pids
  }
}
