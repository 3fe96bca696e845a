import Glibc
import Synchronization
import Testing

@testable import AsyncMitogen

/// Room, order and end of a pool.
@Suite(.timeLimit(.minutes(1)))
struct PoolTests {
  @Test func `so many methods run at once`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let pool = Pool(router: router, services: [Open(router: router)], size: 2)
      #expect(pool.size == 2)
      let replies = (0..<5).map { router.myself.callAsync(Open.pass, keeper.gate($0)) }
      var entries = [try await keeper.next(), try await keeper.next()]
      await until { pool.waitingCount == 3 }
      #expect(await pool.runningCount == 2 && keeper.receiver.size == 0)
      for number in 2..<5 {
        try await entries.removeFirst().proceed.send(1)
        entries.append(try await keeper.next())
        #expect(entries.last?.number == number)
        #expect(await pool.runningCount == 2 && keeper.receiver.size == 0)
      }
      for entry in entries { try await entry.proceed.send(1) }
      for reply in replies { #expect(try await reply.get(timeout: .seconds(20)) == 1) }
      #expect(pool.waitingCount == 0)
      await pool.close()
    }
  }

  @Test func `closing refuses what waits, and what runs runs to its end`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let witness = Witness(router: router)
      let pool = Pool(router: router, services: [Open(router: router), InTurn(router: router), witness], size: 2)
      let running = router.myself.callAsync(Open.pass, keeper.gate(0))
      let inTurn = router.myself.callAsync(InTurn.pass, keeper.gate(1))
      let entries = [try await keeper.next(), try await keeper.next()]
      // Some wait for room, some for their turn.
      let waiting =
        (0..<3).map { _ in router.myself.callAsync(Open.pass, keeper.gate(9)) }
        + (0..<3).map { _ in router.myself.callAsync(InTurn.pass, keeper.gate(9)) }
      await until { pool.waitingCount == 6 }
      async let closed: Void = pool.close()
      for reply in waiting {
        let error = await #expect(throws: CallError.self) { try await reply.get(timeout: .seconds(20)) }
        #expect(error?.message == "the service pool has been closed")
      }
      #expect(await pool.isClosed && witness.shutdowns.load(ordering: .relaxed) == 0)
      let late = await #expect(throws: ChannelError.self) { try await router.myself.call(Tally.total) }
      #expect(late?.reason == "invalid handle")
      for entry in entries { try await entry.proceed.send(5) }
      #expect(try await running.get(timeout: .seconds(20)) == 5)
      #expect(try await inTurn.get(timeout: .seconds(20)) == 5)
      await closed
      try await pool.join()
      await pool.close()
      #expect(witness.shutdowns.load(ordering: .relaxed) == 1)
      await #expect(throws: ServiceError("the service pool has been closed")) {
        try await pool.add(Tally(router: router))
      }
      await #expect(throws: ServiceError("the service pool has been closed")) { try await pool.defer {} }
      // Another may follow.
      let next = Pool(router: router, services: [Tally(router: router)])
      #expect(try await router.myself.call(Tally.add, .init(amount: 2)) == 2)
      await next.close()
    }
  }

  @Test func `who gives up cancels also while the pool closes, and so does the end of the router`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let pool = Pool(router: router, services: [Open(router: router)])
      let child = try await router.local()
      let mine = router.myself.callAsync(Open.pass, keeper.gate())
      let childs = child.callAsync(keeper.gate()) { gate in
        try await ExternalContext.current?.master.call(Open.pass, gate) ?? 0
      }
      for _ in 0..<2 { _ = try await keeper.next() }
      async let closed: Void = pool.close()
      await until { await pool.isClosed }
      // One leaves, one is lost.
      mine.close()
      #expect(try await keeper.next().number == -1)
      _ = child.callAsync { kill(getpid(), SIGKILL) }
      #expect(try await keeper.next().number == -1)
      await closed
      await #expect(throws: ChannelError.self) { try await childs.get(timeout: .seconds(20)) }

      let last = Pool(router: router, services: [Open(router: router)])
      try router.myself.callNoReply(Open.pass, keeper.gate())
      _ = try await keeper.next()
      Task(executorPreference: router.loop.tasks) { await last.close() }
      await until { await last.isClosed }
    }
  }

  @Test func `a service is made while the pool closes`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router)
      let started = Receiver<Sender<Int>>(router: router, handle: Patient.handle)
      let reply = router.myself.callAsync(Patient.next)
      let proceed = try await started.get(timeout: .seconds(20))
      async let closed: Void = pool.close()
      let error = await #expect(throws: CallError.self) { try await reply.get(timeout: .seconds(20)) }
      #expect(error?.message == "the service pool has been closed")
      try await proceed.send(1)
      await closed
    }
  }

  @Test func `nothing keeps a pool whose router has ended`() async throws {
    weak var pool: Pool?
    weak var witness: Witness?
    try await withRouter { router in
      let service = Witness(router: router)
      let made = Pool(router: router, services: [service])
      try await made.add(OldFiles())
      _ = try await router.myself.callService(at: OldFiles.handle, ["path": "/etc/motd"])
      (pool, witness) = (made, service)
    }
    await until { pool == nil && witness == nil }
  }

  @Test func `closed by its own method`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router, services: [Witness(router: router)])
      try await router.myself.call(Witness.close)
      try await pool.join()
      #expect(await pool.isClosed)
    }
  }

  @Test func `names are unique, and so is the pool`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router, services: [Tally(router: router)])
      await #expect(throws: ServiceError("service named 'AsyncMitogenTests.Tally' already registered")) {
        try await pool.add(Tally(router: router))
      }
      await #expect(throws: ServiceError("service 'AsyncMitogenTests.Ambiguous' has two methods named 'x'")) {
        try await pool.add(Ambiguous(router: router))
      }
      let second = Pool(router: router)
      await #expect(throws: StreamError("cannot register a handle that already exists")) { try await second.join() }
      await #expect(throws: StreamError.self) { try await second.add(Open(router: router)) }
      await second.close()
      // The first is not harmed by that.
      let total = try await router.myself.call(Tally.total)
      #expect(total == 0)
      await pool.close()
      let twice = Pool(router: router, services: [Tally(router: router), Tally(router: router)])
      await #expect(throws: ServiceError("service named 'AsyncMitogenTests.Tally' already registered")) {
        try await twice.join()
      }
    }
  }

  @Test func `what waits is bounded`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      #expect(Pool.standardQueueLimit.messages == 65_536 && Pool.standardQueueLimit.bytes == 256 << 20)
      let pool = Pool(
        router: router, services: [Open(router: router), InTurn(router: router)], size: 1,
        queueLimit: QueueLimit(messages: 3))
      let child = try await router.local()
      let first = router.myself.callAsync(Open.pass, keeper.gate())
      let entry = try await keeper.next()
      let waiting =
        [router.myself.callAsync(Open.pass, keeper.gate())]
        + (0..<2).map { _ in router.myself.callAsync(InTurn.pass, keeper.gate()) }
      await until { pool.waitingCount == 3 }
      let texts = try await child.call { () async throws -> [String] in
        var texts: [String] = []
        for _ in 0..<100 {
          do { _ = try await ExternalContext.current?.master.call(InTurn.most) } catch let error as CallError {
            texts.append(error.message)
          }
        }
        return texts
      }
      let text = "more than 3 service requests, or 268435456 bytes of them, wait already"
      #expect(texts == Array(repeating: text, count: 100))
      try await entry.proceed.send(1)
      for _ in waiting { try await keeper.next().proceed.send(1) }
      #expect(try await first.get(timeout: .seconds(20)) == 1)
      for reply in waiting { #expect(try await reply.get(timeout: .seconds(20)) == 1) }
      #expect(try await router.myself.call(InTurn.most) == 1)
      #expect(pool.waitingCount == 0)
    }
  }

  @Test func `work of the program takes its turn`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let pool = Pool(router: router, services: [Open(router: router)], size: 1)
      let done = Receiver<Int>(router: router)
      let first = router.myself.callAsync(Open.pass, keeper.gate())
      let entry = try await keeper.next()
      try await pool.defer { throw Opaque() }
      let sender = done.sender
      try await pool.defer { try await sender.send(8) }
      #expect(done.size == 0)
      try await entry.proceed.send(1)
      #expect(try await done.get(timeout: .seconds(20)) == 8)
      #expect(try await first.get(timeout: .seconds(20)) == 1)
      // What has not begun when the pool closes is dropped.
      let second = router.myself.callAsync(Open.pass, keeper.gate())
      let other = try await keeper.next()
      try await pool.defer { try await sender.send(9) }
      async let closed: Void = pool.close()
      await until { await pool.isClosed }
      try await other.proceed.send(1)
      _ = try await second.get(timeout: .seconds(20))
      await closed
      #expect(done.size == 0)
    }
  }

  @Test func `the end of the router cancels what runs, and services hear of it`() async throws {
    let witness = try await withRouter { router in
      let keeper = GateKeeper(router)
      let witness = Witness(router: router)
      _ = Pool(router: router, services: [Open(router: router), witness])
      try router.myself.callNoReply(Open.pass, keeper.gate())
      _ = try await keeper.next()
      return witness
    }
    #expect(witness.shutdowns.load(ordering: .relaxed) == 1)
  }

  @Test func `the end of a context cancels what runs in it`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let reply = child.callAsync(Open.pass, keeper.gate())
      _ = try await keeper.next()
      try await child.shutdown()
      // Its callers hear what those of functions hear.
      let error = await #expect(throws: ChannelError.self) { try await reply.get(timeout: .seconds(20)) }
      #expect(error?.reason == "the respondent Context has disconnected")
      #expect(try await keeper.next().number == -1)
    }
  }

  @Test func `services of a child hear of its end`() async throws {
    try await withRouter { router in
      let farewell = Receiver<Int>(router: router)
      let child = try await router.local()
      try await child.call(Polite.greet, .init(farewell: farewell.sender))
      try await child.shutdown()
      #expect(try await farewell.get(timeout: .seconds(20)) == 1)
    }
  }
}

/// Waits for something that tasks of this process bring about by themselves.
func until(_ condition: () async -> Bool) async {
  while await !condition() { await Task.yield() }
}

/// Counts how often it hears of the end.
actor Witness: Service {
  let shutdowns = Atomic(0)

  init(router: Router) {}

  static let close = ServiceMethod<Witness, NoArguments, NoResult>("close", policy: .allowParents) { _ in
    await Pool.current?.close()
  }
  static var methods: [AnyServiceMethod<Witness>] { close }

  func onShutdown() async { shutdowns.add(1, ordering: .relaxed) }
}

/// Has two methods with one name.
actor Ambiguous: Service {
  init(router: Router) {}
  static let x = ServiceMethod<Ambiguous, NoArguments, Int>("x", policy: .allowAny) { _ in 1 }
  static var methods: [AnyServiceMethod<Ambiguous>] {
    x
    x
  }
}

/// Says goodbye.
actor Polite: Service {
  struct Guest: Codable, Sendable { var farewell: Sender<Int> }
  private var guest: Guest?

  init(router: Router) {}

  private func welcome(_ guest: Guest) { self.guest = guest }

  static let greet = ServiceMethod<Polite, Guest, NoResult>("greet", policy: .allowParents) { polite, guest in
    polite.welcome(guest)
  }
  static var methods: [AnyServiceMethod<Polite>] { greet }

  func onShutdown() async { try? guest?.farewell.post(1) }
}
