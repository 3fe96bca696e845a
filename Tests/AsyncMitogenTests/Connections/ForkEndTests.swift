import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

/// How forks and their servers end.
@Suite(.timeLimit(.minutes(1)))
struct ForkEndTests {
  @Test func `how a fork ended is known`() async throws {
    try await withRouter { router in
      let asked = try await router.fork()
      let pid = try await asked.call { getpid() }
      try await asked.shutdown()
      #expect(!Facts.isAlive(pid))
      let left = try await router.fork(name: "left")
      let error = await #expect(throws: ChannelError.self) { try await left.call { Facts.leave(7) } }
      #expect(error?.detail?.contains("left exited with return code 7") == true)
      let killed = try await router.fork(name: "killed")
      kill(try await killed.call { getpid() }, SIGKILL)
      let second = await #expect(throws: ChannelError.self) {
        try await killed.call { try await Task.sleep(for: .seconds(60)) }
      }
      #expect(second?.detail?.contains("killed exited due to signal 9 (SIGKILL)") == true)
      #expect(try await router.fork().call { 1 } == 1)
    }
  }

  @Test func `leaving the scope ends the forks and the server`() async throws {
    var pids: [pid_t] = []
    try await withRouter { router in
      for _ in 0..<3 { pids.append(try await router.fork().call { getpid() }) }
      pids.append(try #require(router.forks.server).processID)
    }
    for pid in pids { #expect(kill(pid, 0) == -1 && errno == ESRCH) }
  }

  @Test func `a server that is killed is replaced, and its forks go on`() async throws {
    try await withRouter { router in
      try await router.prepareForks { ForkedState.add("prepared") }
      let fork = try await router.fork(name: "old")
      let server = try #require(router.forks.server)
      kill(server.processID, SIGKILL)
      try await eventually("it has ended") { server.hasEnded }
      #expect(try await fork.call { 1 } == 1)
      let next = try await router.fork()
      #expect(try await next.call { ForkedState.all } == ["prepared"])
      #expect(router.forks.server !== server)
      // Nobody is left who could know how it ends.
      kill(try await fork.call { getpid() }, SIGKILL)
      await #expect(throws: ChannelError.self) { try await fork.call { try await Task.sleep(for: .seconds(60)) } }
    }
  }

  @Test func `whoever waits for a server hears of its end`() async throws {
    try await withRouter { router in
      try await router.prepareForks { ForkedState.add("prepared") }
      let error = await #expect(throws: ConnectionError.self) {
        try await router.prepareForks { Facts.crash("on purpose") }
      }
      #expect(error?.message.contains("before it answered") == true)
      #expect(error?.lines.contains { $0.contains("on purpose") } == true)
      #expect(try await router.fork().call { ForkedState.all } == ["prepared"])
    }
  }

  @Test func `a fork that is cancelled is ended`() async throws {
    try await withRouter { router in
      _ = try await router.fork()
      let server = try #require(router.forks.server)
      let before = Facts.children(of: server.processID)
      let inbox = Receiver<Bool>(router: router, handle: 222_222)
      let task = Task(executorPreference: router.taskExecutor) {
        try await router.fork(onStart: {
          guard let parent = ExternalContext.current?.parent else { return }
          try Sender<Bool>(context: parent, handle: 222_222).post(true)
          try await Task.sleep(for: .seconds(60))
        })
      }
      _ = try await inbox.get(timeout: .seconds(20))
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      try await eventually("it is gone") { Facts.children(of: server.processID) == before }
    }
  }

  @Test func `one that is cancelled on the way is ended, and a preparation too`() async throws {
    try await withRouter { router in
      let slow = Task(executorPreference: router.taskExecutor) {
        try await router.prepareForks { while true { pause() } }
      }
      try await eventually("it runs") { router.forks.server != nil }
      let waiting = Task(executorPreference: router.taskExecutor) { try await router.fork() }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
      slow.cancel()
      await #expect(throws: CancellationError.self) { try await slow.value }
      #expect(try await router.fork().call { 1 } == 1)
    }
  }

  @Test func `one that takes too long in onFork is ended`() async throws {
    try await withRouter { router in
      let error = await #expect(throws: ConnectionError.self) {
        _ = try await router.fork(onFork: { while true { pause() } }, connectTimeout: .milliseconds(200))
      }
      #expect(error?.message.hasPrefix("did not come up within") == true)
      try await eventually("it is gone") { router.forks.server.map { Facts.children(of: $0.processID) } == [] }
    }
  }

  @Test func `a master that is killed leaves nothing`() async throws {
    try await withRouter { router in
      let master = try await router.local()
      let pids = try await master.call { () async throws -> [pid_t] in
        guard let router = ExternalContext.current?.router else { throw CancellationError() }
        let fork = try await router.fork()
        // One that is busy before it is a context, in a server that is busy.
        Task { try await router.fork(onFork: { while true { pause() } }) }
        while true {
          let children = Facts.children(of: try await fork.call { getppid() })
          if children.count == 2 {
            Task { try await router.prepareForks { while true { pause() } } }
            return children + [try await fork.call { getppid() }, getpid()]
          }
          try await Task.sleep(for: .milliseconds(2))
        }
      }
      #expect(pids.count == 4)
      kill(try #require(pids.last), SIGKILL)
      #expect(Facts.waitForEnd(of: pids, limit: .seconds(5)) != nil)
    }
  }

  @Test func `a fork that detaches outlives its server and its router`() async throws {
    let box = try Sandbox()
    let path = box("fork.sock")
    var pids: [pid_t] = []
    defer { for pid in pids where Facts.isAlive(pid) { kill(pid, SIGKILL) } }
    try await withRouter { router in
      let fork = try await router.fork()
      pids = [try await fork.call { getpid() }, try #require(router.forks.server).processID]
      _ = try await fork.call(path) { path in try Listening.start(path) }
      let disconnects = await router.disconnects
      try fork.callNoReply { try await ExternalContext.current?.detach() }
      for await event in disconnects where event.context == fork { break }
    }
    #expect(Facts.isAlive(pids[0]) && !Facts.isAlive(pids[1]))
    let expected = pids[0]
    try await withRouter(joining: path) { _, context in
      #expect(try await context.call { getpid() } == expected)
      try await context.shutdown()
    }
    #expect(Facts.waitForEnd(of: pids, limit: .seconds(10)) != nil)
  }

  @Test func `a malformed request is refused, and the next one is served`() async throws {
    let broker = try Broker()
    let server = try RawForkServer(broker)
    let hook = try ForkHook { ForkedState.add("x") }
    let good = try ForkRequest(kind: .start(name: "x", hook: hook, environment: ["A=b"])).packet(number: 7)
    let descriptors = try [FileDescriptor.nothing(), .nothing(), .nothing()]
    var bad: [[UInt8]] = [[1, 2, 3], good.dropLast(), good + [0], good.dropLast() + [1]]
    for index in [8, 12, 16, 20] {
      var packet = good
      packet[index] ^= 0xFF
      bad.append(packet)
    }
    for packet in bad {
      #expect(server.answer(to: packet, descriptors)?.hasPrefix("malformed request") == true, "\(packet)")
    }
    #expect(server.answer(to: good, Array(descriptors.dropLast()))?.hasPrefix("malformed request") == true)
    #expect(server.answer(to: good, [])?.hasPrefix("malformed request") == true)
    let prepare = try ForkRequest(kind: .prepare(hook)).packet(number: 8)
    #expect(server.answer(to: prepare, descriptors)?.hasPrefix("malformed request") == true)
    #expect(server.answer(to: prepare, [])?.isEmpty == true)
    var unknown = prepare
    unknown[40] ^= 1
    #expect(server.answer(to: unknown, [])?.isEmpty == false)
    #expect(server.answer(to: prepare, [])?.isEmpty == true)
    broker.shutdown()
  }

  @Test func `one that says too much is refused here`() async throws {
    try await withRouter { router in
      let parent = try await router.local()
      _ = try await router.fork(via: parent)
      try await parent.call { unsafe _ = setenv("AMT_FORK_LARGE", String(repeating: "x", count: 130_000), 1) }
      let error = await #expect(throws: ConnectionError.self) { _ = try await router.fork(via: parent) }
      #expect(error?.message.contains("131072 that a fork server takes") == true)
    }
  }
}

/// A fork server that is spoken to byte by byte.
private final class RawForkServer {
  private let socket: FileDescriptor
  private let process: ChildProcess

  init(_ broker: Broker) throws {
    var numbers: [Int32] = [-1, -1]
    #expect(unsafe amt_fork_sockets(&numbers) == 0)
    let theirs = FileDescriptor(numbers[1])
    socket = FileDescriptor(numbers[0])
    process = try ChildProcess(
      path: "/proc/self/exe", arguments: [AMT_FORK_MARKER],
      environment: HostFacts.environment + ["\(AMT_CHILD_VARIABLE)=1"], input: theirs, output: .nothing(),
      error: .nothing(), poller: broker.core.poller)
    try process.watch()
  }

  /// The text of an answer; nil if it says nothing within ten seconds, or ends.
  func answer(to packet: [UInt8], _ descriptors: [FileDescriptor]) -> String? {
    let numbers = descriptors.map(\.number)
    guard unsafe amt_send_fork_request(socket.number, packet, packet.count, numbers, Int32(numbers.count)) == 0
    else { return nil }
    var watched = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&watched, 1, 10_000) > 0 else { return nil }
    var reply = amt_fork_reply()
    var text = [CChar](repeating: 0, count: 4_096)
    var descriptor: Int32 = -1
    let size = unsafe amt_receive_fork_reply(socket.number, &reply, &text, text.count, &descriptor)
    if descriptor >= 0 { close(descriptor) }
    guard size > 0 else { return nil }
    return String(decoding: text.prefix(size - 1).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension Facts {
  /// The processes that a process has started, and that have not been reaped.
  static func children(of pid: Int32) -> [Int32] {
    read("/proc/\(pid)/task/\(pid)/children")?.split(separator: " ").compactMap { Int32($0) } ?? []
  }
}
