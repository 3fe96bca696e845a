import AsyncMitogen
import Glibc
import Testing

/// How methods run beside each other, and what becomes of calls that nobody waits for.
@Suite(.timeLimit(.minutes(1)))
struct ServiceStrategyTests {
  @Test func `concurrent methods run at once`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let replies = (0..<8).map { child.callAsync(Open.pass, keeper.gate($0)) }
      var entries: [Gate.Entry] = []
      for _ in replies { entries.append(try await keeper.next()) }
      #expect(Set(entries.map(\.number)) == Set(0..<8))
      for entry in entries { try await entry.proceed.send(entry.number) }
      for (number, reply) in replies.enumerated() { #expect(try await reply.get(timeout: .seconds(20)) == number) }
    }
  }

  @Test func `serialized methods run one after the other, also when they wait`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let replies = (0..<8).map { child.callAsync(InTurn.pass, keeper.gate($0)) }
      for number in 0..<8 {
        let entry = try await keeper.next()
        #expect(entry.number == number && keeper.receiver.size == 0)
        // Other services are not held up.
        #expect(try await child.call(Tally.total) == 0)
        try await entry.proceed.send(number)
      }
      for (number, reply) in replies.enumerated() { #expect(try await reply.get(timeout: .seconds(20)) == number) }
      #expect(try await child.call(InTurn.most) == 1)
      // What is thrown arrives with its text, and the next one runs.
      let refused = child.callAsync(InTurn.pass, keeper.gate(20), timeout: .milliseconds(50))
      await #expect(throws: TimeoutError.self) { try await refused.get() }
      #expect(try await child.call(InTurn.most) == 1)
    }
  }

  @Test func `deduplicating: one execution, whoever asks`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let sibling = try await router.local()
      let question = Once.Question(number: 3, gate: keeper.gate())
      let replies = (0..<20).map { _ in child.callAsync(Once.ask, question) }
      let entry = try await keeper.next()
      let elsewhere = sibling.callAsync(child, question) { try await $0.call(Once.ask, $1) }
      try await entry.proceed.send(0)
      for reply in replies { #expect(try await reply.get(timeout: .seconds(20)) == 301) }
      #expect(try await elsewhere.get(timeout: .seconds(20)) == 301)
      #expect(keeper.receiver.size == 0)
      // Other arguments are another question.
      #expect(try await child.call(Once.ask, .init(number: 4)) == 402)
      // Forgotten by hand, it is asked again.
      try await child.call(Once.forget, question)
      let again = child.callAsync(Once.ask, question)
      try await keeper.next().proceed.send(0)
      #expect(try await again.get(timeout: .seconds(20)) == 303)
      #expect(try await child.call(Once.ask, .init(number: 4)) == 402)
    }
  }

  @Test func `deduplicating: failures go to all that wait, and are not remembered`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let question = Once.Question(number: 1, gate: keeper.gate())
      let replies = (0..<3).map { _ in child.callAsync(Once.ask, question) }
      // When this has been answered, those three have come.
      _ = try await child.call(Once.ask, .init(number: 9))
      try await keeper.next().proceed.send(-1)
      for reply in replies {
        let error = await #expect(throws: CallError.self) { try await reply.get(timeout: .seconds(20)) }
        #expect(error?.thrown(as: DiskFull.self) == DiskFull(device: "1"))
      }
      let again = child.callAsync(Once.ask, question)
      try await keeper.next().proceed.send(0)
      #expect(try await again.get(timeout: .seconds(20)) == 103)
    }
  }

  @Test func `deduplicating: arguments too long to be read on the loop`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let long = String(repeating: "x", count: 200_000)
      let question = Once.Question(number: 5, gate: keeper.gate(), attachment: long)
      let replies = (0..<5).map { _ in child.callAsync(Once.ask, question) }
      let entry = try await keeper.next()
      // Another one differs at its end alone, and does not wait for it.
      let other = try await child.call(Once.ask, .init(number: 5, attachment: long + "y"))
      #expect(other == 502)
      try await entry.proceed.send(0)
      for reply in replies { #expect(try await reply.get(timeout: .seconds(20)) == 501) }
      #expect(keeper.receiver.size == 0)
      // What cannot be read is refused, as a short one is.
      for length in [1, 200_000] {
        let wrong: PickledValue = ["number": "five", "attachment": .string(String(repeating: "x", count: length))]
        let error = await #expect(throws: CallError.self) { try await child.callService(Once.name, "ask", wrong) }
        #expect(error?.message == "Argument 'number' type incorrect, got 'str', expected 'Int'", "\(error as Any)")
      }
    }
  }

  @Test func `deduplicating: a time to live, and all that a pool can forget`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router, services: [Fleeting(router: router), Once(router: router)])
      func ask(_ number: Int) async throws -> Int {
        try await router.myself.call(Once.ask, .init(number: number)) - 100 * number
      }
      #expect(try await [ask(1), ask(2), ask(1), ask(2)] == [1, 2, 1, 2])
      await pool.invalidate(Once.self, method: "forget")
      #expect(try await [ask(1), ask(2)] == [1, 2])
      await pool.invalidate(Once.self, method: "ask")
      #expect(try await [ask(2), ask(1)] == [3, 4])
      await pool.invalidate(Once.self)
      #expect(try await [ask(1), ask(2)] == [5, 6])
      // For a service that is not there, and one that remembers nothing: nothing happens.
      await pool.invalidate(Tally.self)
      // What has a time to live is done again after it, and not before.
      let start = ContinuousClock.now
      let first = try await router.myself.call(Fleeting.count)
      while try await router.myself.call(Fleeting.count) == first {}
      #expect(start.duration(to: .now) >= Fleeting.timeToLive)
      await pool.close()
    }
  }

  @Test func `a strategy of the program's own`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      // Answers every second one without running it.
      var answers: [Int] = []
      for number in 1...4 { answers.append(try await child.call(Skipping.double, .init(number: number))) }
      #expect(answers == [2, -1, 6, -1])
    }
  }

  // MARK: cancellation

  @Test func `who gives up cancels the method`() async throws {
    let broker = try Broker()
    try await withRouter(configuration: RouterConfiguration(broker: broker)) { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      // A task that is cancelled. On the broker: the default executor may be kept busy by other tests.
      let gate = keeper.gate()
      let task = Task(executorPreference: broker.taskExecutor) { try await child.call(Open.pass, gate) }
      _ = try await keeper.next()
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(try await keeper.next().number == -1)
      // A time that is up.
      try await expectEnd(keeper) { timeout in
        await #expect(throws: TimeoutError.self) { try await child.call(Open.pass, gate, timeout: timeout) }
      }
      // A receiver that is let go.
      var reply: Receiver<Int>? = child.callAsync(Open.pass, keeper.gate())
      _ = try await keeper.next()
      #expect(reply?.size == 0)
      reply = nil
      #expect(try await keeper.next().number == -1)
      // A sibling, which is no parent.
      let sibling = try await router.local()
      try await expectEnd(keeper) { timeout in
        await #expect(throws: CallError.self) {
          try await sibling.call(child, gate, timeout) { try await $0.call(Open.pass, $1, timeout: $2) }
        }
      }
      // In the own context.
      let pool = Pool(router: router, services: [Open(router: router)])
      try await expectEnd(keeper) { timeout in
        await #expect(throws: TimeoutError.self) { try await router.myself.call(Open.pass, gate, timeout: timeout) }
      }
      await pool.close()
    }
    broker.shutdown()
    await broker.join()
  }

  /// The method that is called comes to its gate and is cancelled there; with more time, if it does not get so far.
  private func expectEnd(_ keeper: GateKeeper, _ call: (Duration) async throws -> Void) async throws {
    var timeout = Duration.milliseconds(20)
    while true {
      try await call(timeout)
      do {
        _ = try await keeper.receiver.get(timeout: timeout)
        break
      } catch is TimeoutError {
        timeout *= 2
      }
    }
    #expect(try await keeper.next().number == -1)
  }

  @Test func `who is gone waits for nothing`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let pool = Pool(router: router, services: [InTurn(router: router)])
      let child = try await router.local()
      let lost = child.callAsync(keeper.gate(1), keeper.gate(2)) { first, second in
        guard let master = ExternalContext.current?.master else { return 0 }
        let replies = [first, second].map { master.callAsync(InTurn.pass, $0) }
        return try await replies[0].get() + replies[1].get()
      }
      #expect(try await keeper.next().number == 1)
      let mine = router.myself.callAsync(InTurn.pass, keeper.gate(3))
      _ = child.callAsync { kill(getpid(), SIGKILL) }
      await #expect(throws: ChannelError.self) { try await lost.get(timeout: .seconds(20)) }
      // Its method is cancelled, and the one that waited does not run.
      #expect(try await keeper.next().number == -1)
      let entry = try await keeper.next()
      #expect(entry.number == 3)
      try await entry.proceed.send(3)
      #expect(try await mine.get(timeout: .seconds(20)) == 3)
      await pool.close()
    }
  }

  @Test func `who gives up before its turn does not run`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let first = child.callAsync(InTurn.pass, keeper.gate(1))
      let entry = try await keeper.next()
      var second: Receiver<Int>? = child.callAsync(InTurn.pass, keeper.gate(2))
      let third = child.callAsync(InTurn.pass, keeper.gate(3))
      #expect(second?.size == 0)
      second = nil
      // When this has been answered, that has arrived.
      _ = try await child.call(Tally.total)
      try await entry.proceed.send(1)
      let next = try await keeper.next()
      #expect(next.number == 3)
      try await next.proceed.send(3)
      #expect(try await first.get(timeout: .seconds(20)) == 1)
      #expect(try await third.get(timeout: .seconds(20)) == 3)
    }
  }

  @Test func `shared work goes on while anybody waits for it`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let child = try await router.local()
      let question = Once.Question(number: 1, gate: keeper.gate())
      var first: Receiver<Int>? = child.callAsync(Once.ask, question)
      let entry = try await keeper.next()
      let second = child.callAsync(Once.ask, question)
      #expect(first?.size == 0)
      first = nil
      _ = try await child.call(Tally.total)
      try await entry.proceed.send(0)
      #expect(try await second.get(timeout: .seconds(20)) == 101)
      // The last one cancels it.
      let other = Once.Question(number: 2, gate: keeper.gate())
      var last: Receiver<Int>? = child.callAsync(Once.ask, other)
      _ = try await keeper.next()
      #expect(last?.size == 0)
      last = nil
      #expect(try await keeper.next().number == -1)
    }
  }
}

/// Counts its executions, and remembers how many there were for a moment.
actor Fleeting: Service {
  static let timeToLive = Duration.milliseconds(30)
  private var number = 0

  init(router: Router) {}

  private func bump() -> Int {
    number += 1
    return number
  }

  static let count = ServiceMethod<Fleeting, NoArguments, Int>("count", policy: .allowAny) { $0.bump() }
  static var methods: [AnyServiceMethod<Fleeting>] { count }
  static var invoker: InvokerStrategy { .deduplicating(timeToLive: timeToLive) }
}

/// Answers every second request by itself.
actor Skipping: Service {
  struct Number: Codable, Sendable { var number: Int }

  struct EverySecond: Invoker {
    private var count = 0

    mutating func admit(_ request: InvokerRequest, now: Duration) -> [InvokerAction] {
      count += 1
      guard count % 2 == 0 else { return [.run(request.id)] }
      guard request.method == "double", request.arguments["number"] == .integer(count),
        let payload = try? PickleEncoder().encode(-1)
      else { return [.answer(request.id, .cancelled)] }
      return [.answer(request.id, .reply(payload))]
    }

    mutating func finished(_ request: RequestID, _ outcome: ServiceOutcome, now: Duration) -> [InvokerAction] {
      [.answer(request, outcome)]
    }

    mutating func cancel(_ request: RequestID, now: Duration) -> [InvokerAction] { [.cancel(request)] }
  }

  init(router: Router) {}
  static let double = ServiceMethod<Skipping, Number, Int>("double", policy: .allowParents) { 2 * $1.number }
  static var methods: [AnyServiceMethod<Skipping>] { double }
  static var invoker: InvokerStrategy { .custom { EverySecond() } }
}
