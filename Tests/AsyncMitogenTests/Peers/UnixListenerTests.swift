import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

/// Processes that join a tree through a socket.
@Suite(.timeLimit(.minutes(2)))
struct UnixListenerTests {
  /// A connection that says what a test wants it to.
  private final class RawClient {
    let number: Int32

    init(_ path: String) throws {
      number = try SystemError.check("socket", amt_unix_socket())
      _ = try unsafe SystemError.check("connect", amt_unix_connect_waiting(number, path, 20_000))
      _ = amt_set_nonblocking(number, 0)
    }

    deinit { close(number) }

    func send(_ bytes: [UInt8]) { _ = unsafe amt_send(number, bytes, bytes.count) }

    /// What comes next, at most so many bytes; nothing at the end. Waits at most for 20 s.
    func read(_ count: Int = 4_096) -> [UInt8]? {
      var watched = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&watched, 1, 20_000) > 0 else { return nil }
      return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        filled = max(0, unsafe amt_read(number, buffer.baseAddress, count, nil, 0))
      }
    }

    /// Whether the other side has closed the connection, or does within 20 s.
    func isClosed() async -> Bool {
      await onOwnThread { [number] in
        var watched = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&watched, 1, 20_000) > 0 else { return false }
        var byte: UInt8 = 0
        return unsafe recv(number, &byte, 1, 0) <= 0
      }
    }

    /// Says who it is and reads the answer.
    func greet() async -> [UInt8]? {
      send(UnixClientHandshake.greeting(process: 4_321))
      return await onOwnThread { [self = UncheckedClient(self)] in self.client.read(12) }
    }
  }

  /// Safe: a test waits for the thread that uses it.
  private struct UncheckedClient: @unchecked Sendable {
    let client: RawClient
    init(_ client: RawClient) { self.client = client }
  }

  // MARK: joining

  @Test func `a socket at a path of its own, that is gone with the router`() async throws {
    var path = ""
    try await withRouter { router in
      let listener = try UnixListener(router: router)
      path = listener.path
      #expect(path.hasSuffix(".sock") && path.split(separator: "/").last?.hasPrefix("mitogen_unix_") == true)
      #expect(try !UnixSocketPath(path).isDead())
      #expect(Sandbox.status(path).map { $0.st_mode & 0o777 } == 0o600)
      let inUse = #expect(throws: UnixSocketError.self) { _ = try UnixListener(router: router, path: path) }
      #expect(inUse?.reason == .isInUse)
    }
    #expect(Sandbox.status(path) == nil)
  }

  @Test func `a client is a context below the listener, with its authority`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let pool = Pool(router: router, services: [Guarded(router: router), Passport(router: router)])
      let listener = try UnixListener(router: router, path: box("a.sock"))
      let joins = await listener.joins
      let disconnects = await router.disconnects
      let client = try await withRouter(joining: listener.path) { joined, context in
        #expect(context.id == 0 && context.name == "unix_listener.\(getpid())")
        #expect(joined.contextID == 1 && joined.parentIDs == [0])
        let answer = try await context.call(Guarded.parents)
        #expect(answer == "parents")
        let identities = try await context.call(Passport.identities)
        #expect(identities == [1, 0])
        #expect(await listener.peers.map(\.id) == [1])
        return joined.contextID
      }
      var iterator = joins.makeAsyncIterator()
      let peer = try #require(await iterator.next())
      #expect(peer.context.id == client && peer.context.name == "unix_client.\(getpid())")
      #expect(peer.credentials.processID == getpid() && peer.credentials.userID == geteuid())
      #expect(peer.authority == .listener)
      for await event in disconnects {
        #expect(event.context.id == client && event.detail?.hasSuffix("has left") == true)
        break
      }
      #expect(await listener.peers.isEmpty)
      await pool.close()
    }
  }

  @Test func `a client calls functions of a child that listens, and of those below it`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let below = try await router.local(via: child)
      let path = try await child.call(box("child.sock")) { path in try Listening.start(path) }
      try await withRouter(joining: path) { joined, context in
        #expect(context.id == child.id && joined.parentIDs == [child.id, 0])
        #expect(try await context.call { Mitogen.contextID } == child.id)
        #expect(try await joined.context(below.id).call { Mitogen.contextID } == below.id)
        // Nobody above obeys it.
        await #expect(throws: ChannelError.self) { try await joined.context(.master).call { 1 } }
        // What is above reaches it, though it calls nothing in it.
        let error = await #expect(throws: ChannelError.self) {
          try await router.context(joined.contextID).call(timeout: .seconds(20)) { 1 }
        }
        #expect(error?.reason == "invalid handle")
        // It may have children of its own, known in the whole tree.
        let own = try await joined.local()
        #expect(try await own.call { Mitogen.parentIDs } == [joined.contextID, child.id, 0])
        try await eventually("it is announced") { router.context(own.id).name != nil }
        // They act for themselves, not for the listener.
        let refused = try await own.call(child) { listener -> String in
          do {
            return "answered \(try await listener.call { 1 })"
          } catch let error as ChannelError {
            return error.reason
          }
        }
        #expect(refused == "refused by policy")
      }
      #expect(try await child.call { 1 } == 1)
    }
  }

  @Test func `on its own authority a client may call what anybody may`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let path = try await child.call(box("a.sock")) { path in
        guard let router = ExternalContext.current?.router else { throw Opaque() }
        let policy = UnixPeerPolicy { _ in .own }
        let listener = try UnixListener(router: router, path: path, policy: policy)
        _ = Pool(router: router, services: [Guarded(router: router)])
        return listener.path
      }
      try await withRouter(joining: path) { _, context in
        #expect(try await context.call(Guarded.any) == "any")
        await #expect(throws: CallError.self) { try await context.call(Guarded.parents) }
        let error = await #expect(throws: ChannelError.self) { try await context.call { 1 } }
        #expect(error?.reason == "refused by policy")
        try await context.shutdown(wait: false)
        #expect(try await context.call(Guarded.any) == "any")
      }
    }
  }

  @Test func `numbers are never given twice, whoever gives them`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let paths = [
        try UnixListener(router: router, path: box("master.sock")).path,
        try await child.call(box("child.sock")) { path in try Listening.start(path) },
      ]
      let ids = try await withThrowingTaskGroup(of: [ContextID].self) { group in
        for index in 0..<24 {
          group.addTask {
            try await withRouter(joining: paths[index % 2]) { joined, _ in
              let own = try await joined.local()
              #expect(try await own.call { 1 } == 1)
              return [joined.contextID, own.id]
            }
          }
          group.addTask { [try await router.local(via: index % 2 == 0 ? nil : child).id] }
        }
        return try await group.reduce(into: [child.id]) { $0 += $1 }
      }
      #expect(ids.count == 73)
      #expect(Set(ids).count == ids.count)
    }
  }

  // MARK: leaving

  @Test func `when the listener goes, who waits is told; the client goes on`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let below = try await router.local(via: child)
      let path = try await child.call(box("a.sock")) { path in try Listening.start(path) }
      try await withRouter(joining: path) { joined, context in
        let calls = [context, joined.context(below.id)].map { $0.callAsync { try await Task.sleep(for: .seconds(60)) } }
        let pid = try await context.call { Facts.processID() }
        kill(pid, SIGKILL)
        for call in calls {
          let error = await #expect(throws: ChannelError.self) { try await call.get(timeout: .seconds(20)) }
          #expect(error?.reason == "the respondent Context has disconnected")
        }
        let error = await #expect(throws: ChannelError.self) { try await context.call { 1 } }
        #expect(error?.reason.hasPrefix("no route to") == true)
        try await context.disconnected()
        // The system closes one descriptor of a killed process after the other: the socket may be the last of them.
        while kill(pid, 0) == 0 { await Task.yield() }
      }
      let error = await #expect(throws: UnixSocketError.self) { try await withRouter(joining: path) { _, _ in } }
      #expect(error?.reason == .nobodyListens && error?.code == ECONNREFUSED)
    }
  }

  @Test func `when a client is killed, who waits for it is told, in the whole tree`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let listener = try UnixListener(router: router, path: box("a.sock"))
      let stranger = try RawClient(listener.path)
      let answer = try #require(await stranger.greet())
      let id = ContextID(rawValue: UInt32(answer[3]))
      let child = try await router.local()
      let waiting = child.callAsync(router.context(id)) { context -> Int in
        try await context.callService("service", "method", timeout: .seconds(60))
      }
      try await eventually("it has been asked") { (stranger.read()?.count ?? 0) > 0 }
      shutdown(stranger.number, Int32(SHUT_RDWR))
      let error = await #expect(throws: CallError.self) { try await waiting.get(timeout: .seconds(20)) }
      #expect(error?.message.contains("disconnected") == true)
    }
  }

  @Test func `what has been sent arrives when either side ends`() async throws {
    let box = try Sandbox()
    let blob = [UInt8](repeating: 7, count: 3 << 20)
    try await withRouter { router in
      let listener = try UnixListener(router: router, path: box("a.sock"))
      let received = Receiver<[UInt8]>(router: router, limit: .unbounded)
      try await withRouter(joining: listener.path) { joined, context in
        let sender = try Sender<[UInt8]>(context: joined.context(.master), handle: received.sender.handle)
        for _ in 0..<4 { try sender.post(blob) }
      }
      for _ in 0..<4 { #expect(try await received.get(timeout: .seconds(20)).count == blob.count) }
    }
    // And the other way.
    let broker = try Broker()
    let router = Router(broker: broker)
    let listener = try UnixListener(router: router, path: box("a.sock"))
    try await withRouter(joining: listener.path) { joined, _ in
      let received = Receiver<[UInt8]>(router: joined, limit: .unbounded)
      let sender = try Sender<[UInt8]>(context: router.context(joined.contextID), handle: received.sender.handle)
      for _ in 0..<4 { try sender.post(blob) }
      await router.shutdown()
      for _ in 0..<4 { #expect(try await received.get(timeout: .seconds(20)).count == blob.count) }
    }
    broker.shutdown()
    await broker.join()
  }

  @Test(arguments: [false, true]) func `a listener that is closed, or whose task is cancelled, leaves no socket`(
    isCancelled: Bool
  ) async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let listener = try UnixListener(router: router, path: box("a.sock"))
      let joins = await listener.joins
      try await withRouter(joining: listener.path) { _, context in
        let silent = try RawClient(listener.path)
        let running = Task(executorPreference: try #require(router.broker).taskExecutor) { await listener.run() }
        if isCancelled { running.cancel() } else { await listener.close() }
        await running.value
        #expect(box.names.isEmpty)
        #expect(await silent.isClosed())
        // Who has joined stays.
        await #expect(throws: ChannelError.self) { try await context.call { 1 } }
      }
      var count = 0
      for await _ in joins { count += 1 }
      #expect(count == 1)
      await listener.close()
      await listener.run()
      let again = try UnixListener(router: router, path: box("a.sock"))
      await again.close()
    }
  }

  @Test func `the socket of a context that ends is removed, also if its parent is killed`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let master = try await router.local()
      let child = try await router.local(via: master)
      let pids = [try await master.call { Facts.processID() }, try await child.call { Facts.processID() }]
      _ = try await child.call(box("child.sock")) { path in try Listening.start(path) }
      #expect(box.names == ["child.sock"])
      kill(pids[0], SIGKILL)
      #expect(Facts.waitForEnd(of: pids, limit: .seconds(10)) != nil)
      #expect(box.names.isEmpty)
    }
  }

  // MARK: limits

  @Test func `silent clients delay nobody, and are turned away`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let listener = try UnixListener(
        router: router, path: box("a.sock"), handshakeLimit: 3, handshakeTimeout: .seconds(60))
      let silent = try (0..<20).map { _ in try RawClient(listener.path) }
      for client in silent { client.send([0, 0, 0]) }
      try await withRouter(joining: listener.path, timeout: .seconds(20)) { joined, _ in #expect(joined.contextID == 1)
      }
      for client in silent.prefix(17) { #expect(await client.isClosed()) }
      #expect(await listener.arrivals.count <= 3)
      // What is left may still say the rest.
      silent[19].send([9])
      let rest = UncheckedClient(silent[19])
      let answer = await onOwnThread { rest.client.read(12) }
      #expect(answer?.count == 12)
    }
  }

  @Test func `a client that says nothing in time is turned away`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let listener = try UnixListener(router: router, path: box("a.sock"), handshakeTimeout: .milliseconds(20))
      let silent = try RawClient(listener.path)
      #expect(await silent.isClosed())
      #expect(await listener.arrivals.count == 0)
    }
  }

  @Test func `no more join than may`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let listener = try UnixListener(router: router, path: box("a.sock"), peerLimit: 2)
      try await withRouter(joining: listener.path) { _, _ in
        let other = try RawClient(listener.path)
        #expect(await other.greet()?.count == 12)
        let third = await #expect(throws: UnixSocketError.self) {
          try await withRouter(joining: listener.path) { _, _ in }
        }
        #expect(third?.reason == .refused)
        withExtendedLifetime(other) {}
      }
      let disconnects = await router.disconnects
      if await !listener.peers.isEmpty { for await _ in disconnects where await listener.peers.isEmpty { break } }
      try await withRouter(joining: listener.path) { joined, _ in #expect(joined.contextID.rawValue > 2) }
    }
  }

  @Test func `those whom the policy does not know are turned away unheard, on both sides`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let nobody = UnixPeerPolicy { _ in nil }
      let closed = try UnixListener(router: router, path: box("closed.sock"), policy: nobody)
      let refused = await #expect(throws: UnixSocketError.self) {
        try await withRouter(joining: closed.path) { _, _ in }
      }
      #expect(refused?.reason == .refused)
      let open = try UnixListener(router: router, path: box("open.sock"))
      let joins = await open.joins
      let distrusted = await #expect(throws: UnixSocketError.self) {
        try await withRouter(joining: open.path, policy: nobody) { _, _ in }
      }
      #expect(distrusted?.reason == .isNotTrusted)
      await open.close()
      for await _ in joins { Issue.record("it has joined") }
    }
    let (own, root, other) = (
      UnixCredentials(processID: 1, userID: geteuid(), groupID: 1),
      UnixCredentials(processID: 1, userID: 0, groupID: 0),
      UnixCredentials(processID: 1, userID: geteuid() + 4_000, groupID: 0)
    )
    #expect([own, root, other].map(UnixPeerPolicy.sameUser.authority) == [.listener, .listener, nil])
    #expect([own, other].map(UnixPeerPolicy.everybody.authority) == [.listener, .own])
    let users = UnixPeerPolicy.users([other.userID])
    #expect([own, other].map(users.authority) == [.listener, .own])
    #expect(UnixPeerPolicy.users([1]).authority(of: other) == nil)
    #expect(UnixPeerPolicy.users([other.userID], authority: .listener).authority(of: other) == .listener)
  }

  // MARK: joining what is none

  @Test func `what is no listener is noticed, and waiting for it can be cancelled`() async throws {
    let box = try Sandbox()
    let path = box("a.sock")
    let missing = await #expect(throws: UnixSocketError.self) { try await withRouter(joining: path) { _, _ in } }
    #expect(missing?.reason == .nobodyListens && missing?.code == ENOENT)
    let directory = await #expect(throws: UnixSocketError.self) {
      try await withRouter(joining: box("b/c/a.sock")) { _, _ in }
    }
    #expect(directory?.reason == .nobodyListens)
    let socket = try ListeningSocket.open(path, mode: 0o600, backlog: 0)
    let silent = await #expect(throws: UnixSocketError.self) {
      try await withRouter(joining: path, timeout: .milliseconds(50)) { _, _ in }
    }
    #expect(silent?.reason == .timedOut)
    // It has left, but still has its place in the line: the next one waits even to be let in.
    let waiting = await #expect(throws: UnixSocketError.self) {
      try await withRouter(joining: path, timeout: .milliseconds(50)) { _, _ in }
    }
    #expect(waiting?.reason == .timedOut)
    let task = Task { try await withRouter(joining: path) { _, _ in } }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    socket.removePath()
  }

  @Test(arguments: [[], [1, 2, 3], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]] as [[UInt8]])
  func `an answer that is none is refused`(answer: [UInt8]) async throws {
    let box = try Sandbox()
    let socket = try ListeningSocket.open(box("a.sock"), mode: 0o600, backlog: 1)
    let number = socket.descriptor.number
    _ = amt_set_nonblocking(number, 0)
    async let served = onOwnThread {
      let accepted = amt_accept(number)
      _ = amt_set_nonblocking(accepted, 0)
      var greeting = [UInt8](repeating: 0, count: 4)
      let count = unsafe recv(accepted, &greeting, 4, Int32(MSG_WAITALL))
      _ = unsafe amt_send(accepted, answer, answer.count)
      close(accepted)
      return count == 4 && greeting == UnixClientHandshake.greeting(process: UInt32(getpid()))
    }
    let error = await #expect(throws: UnixSocketError.self) {
      try await withRouter(joining: box("a.sock"), timeout: .seconds(20)) { _, _ in }
    }
    #expect(error?.reason == .refused)
    #expect(await served)
    socket.removePath()
  }

  @Test func `whatever a client sends, others are served`() async throws {
    let box = try Sandbox()
    var random = RandomSource(99)
    try await withRouter { router in
      let pool = Pool(router: router, services: [Guarded(router: router)])
      let listener = try UnixListener(router: router, path: box("a.sock"))
      for _ in 0..<150 {
        let client = try RawClient(listener.path)
        for _ in 0..<random.below(4) { client.send((0..<random.below(60)).map { _ in UInt8(random.below(256)) }) }
        if random.below(2) == 0 { shutdown(client.number, Int32(SHUT_WR)) }
      }
      try await withRouter(joining: listener.path, timeout: .seconds(20)) { _, context in
        let answer = try await context.call(Guarded.parents)
        #expect(answer == "parents")
      }
      await pool.close()
    }
  }
}

/// What functions in children do for these tests.
enum Listening {
  /// Begins to listen; it goes on when the call is over.
  static func start(_ path: String) throws -> String {
    guard let router = ExternalContext.current?.router else { throw Opaque() }
    return try UnixListener(router: router, path: path).path
  }
}

/// Says who calls.
actor Passport: Service {
  init(router: Router) {}

  static let identities = ServiceMethod<Passport, NoArguments, [UInt32]>("identities", policy: .allowParents) { _ in
    let message = Message.current
    return [message?.source.rawValue ?? .max, message?.authority.rawValue ?? .max]
  }
  static var methods: [AnyServiceMethod<Passport>] { identities }
}
