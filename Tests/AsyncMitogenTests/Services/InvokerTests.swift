import Testing

@testable import AsyncMitogen

/// The invokers' state machines, with a thousand histories each.
struct InvokerTests {
  static let seeds = UInt64(0)..<1_000

  private func answers(_ driver: InvokerDriver) -> [RequestID: Int] {
    var answers: [RequestID: Int] = [:]
    for case .answered(let id, let number) in driver.history { answers[id] = number }
    return answers
  }

  private func started(_ driver: InvokerDriver) -> [RequestID] {
    driver.history.compactMap { if case .started(let id) = $0 { id } else { nil } }
  }

  /// Nobody who stayed is without an answer.
  private func expectComplete(_ driver: InvokerDriver, _ seed: UInt64) {
    #expect(driver.open.isEmpty && driver.running.isEmpty, "seed \(seed)")
  }

  @Test func `concurrent: each runs at once, and gets its own result`() async throws {
    for seed in Self.seeds {
      await Task.yield()
      var driver = InvokerDriver(ConcurrentInvoker(), seed: seed)
      for _ in 0..<60 { try driver.step(keys: 3) }
      try driver.drain()
      expectComplete(driver, seed)
      for (id, number) in answers(driver) { #expect(abs(number) == Int(id.number), "seed \(seed)") }
      #expect(started(driver) == started(driver).sorted(), "seed \(seed)")
      #expect(started(driver).count == driver.keys.count, "seed \(seed)")
    }
  }

  @Test func `serialized: one at a time, in the order of arrival`() async throws {
    for seed in Self.seeds {
      await Task.yield()
      var driver = InvokerDriver(SerializedInvoker(), seed: seed)
      for _ in 0..<60 {
        try driver.step(keys: 3)
        #expect(driver.running.count <= 1, "seed \(seed)")
        // While anybody waits, somebody runs.
        #expect(driver.open.isEmpty || driver.running.count == 1, "seed \(seed)")
      }
      try driver.drain()
      expectComplete(driver, seed)
      #expect(started(driver) == started(driver).sorted(), "seed \(seed)")
      for (id, number) in answers(driver) { #expect(abs(number) == Int(id.number), "seed \(seed)") }
      // Who left before its turn did not run.
      var gone: Set<RequestID> = []
      for event in driver.history {
        if case .left(let id) = event { gone.insert(id) }
        if case .started(let id) = event { #expect(!gone.contains(id), "seed \(seed)") }
      }
    }
  }

  @Test func `serialized: closing answers all that wait, and what runs ends`() async throws {
    for seed in Self.seeds {
      await Task.yield()
      var driver = InvokerDriver(SerializedInvoker(), seed: seed)
      for _ in 0..<20 { try driver.step(keys: 3) }
      let waiting = driver.open.subtracting(driver.running)
      try driver.close()
      #expect(driver.open.isDisjoint(with: waiting), "seed \(seed)")
      #expect(driver.running.count <= 1, "seed \(seed)")
      try driver.drain()
      expectComplete(driver, seed)
    }
  }

  @Test func `deduplicating: one execution for all that are the same`() async throws {
    for seed in Self.seeds {
      await Task.yield()
      var driver = InvokerDriver(DeduplicatingInvoker(timeToLive: nil), seed: seed)
      for _ in 0..<80 {
        try driver.step(keys: 4)
        // Of those that were not cancelled, no two run for the same arguments.
        let live = driver.running.filter { !driver.cancelled.contains($0) }.compactMap { driver.keys[$0] }
        #expect(live.count == Set(live).count, "seed \(seed)")
        // Work that nobody waits for is cancelled.
        let wanted = Set(driver.open.compactMap { driver.keys[$0] })
        #expect(live.allSatisfy(wanted.contains), "seed \(seed)")
        // Whoever waits has work that is done for it.
        #expect(wanted.allSatisfy(live.contains), "seed \(seed)")
      }
      try driver.drain()
      expectComplete(driver, seed)
      try expectSharedResults(driver, seed)
    }
  }

  /// Each answer is the result of a run for the same arguments, that began before it and ended after the request came;
  /// a success is the only one ever seen from then on.
  private func expectSharedResults(_ driver: InvokerDriver, _ seed: UInt64) throws {
    var remembered: [Int: Int] = [:]
    var ended: Set<RequestID> = []
    for event in driver.history {
      switch event {
      case .ended(let id): ended.insert(id)
      case .started(let id):
        let key = try #require(driver.keys[id])
        #expect(remembered[key] == nil, "seed \(seed): \(id) runs though the result is known")
      case .answered(let id, let number):
        let run = RequestID(UInt64(abs(number)))
        #expect(number != 0, "seed \(seed): \(id) stayed and got a cancellation")
        let key = try #require(driver.keys[id])
        #expect(ended.contains(run) && driver.keys[run] == key, "seed \(seed)")
        if let known = remembered[key] { #expect(number == known, "seed \(seed)") }
        if number > 0 { remembered[key] = number }
      case .admitted, .left: break
      }
    }
  }

  @Test func `deduplicating: a time to live, and invalidation`() async throws {
    for seed in Self.seeds {
      await Task.yield()
      var driver = InvokerDriver(DeduplicatingInvoker(timeToLive: .milliseconds(30)), seed: seed)
      var random = RandomSource(seed &+ 77)
      for _ in 0..<80 {
        if random.below(10) == 0 { driver.invalidate(key: random.below(2) == 0 ? nil : random.below(3)) }
        try driver.step(keys: 3)
        let wanted = Set(driver.open.compactMap { driver.keys[$0] })
        let live = Set(driver.running.filter { !driver.cancelled.contains($0) }.compactMap { driver.keys[$0] })
        #expect(wanted == live, "seed \(seed)")
      }
      try driver.drain()
      expectComplete(driver, seed)
      for (id, number) in answers(driver) {
        #expect(driver.keys[RequestID(UInt64(abs(number)))] == driver.keys[id], "seed \(seed)")
      }
    }
  }

  // MARK: single histories

  private func deduplicating(_ invoker: DeduplicatingInvoker) -> InvokerDriver { InvokerDriver(invoker, seed: 0) }

  @Test func `a result is remembered until its time is over`() throws {
    var driver = deduplicating(DeduplicatingInvoker(timeToLive: .seconds(1)))
    let first = try driver.admit(key: 1)
    try driver.end(first)
    driver.pass(.milliseconds(999))
    let second = try driver.admit(key: 1)
    #expect(answers(driver)[second] == 1 && driver.running.isEmpty)
    driver.pass(.milliseconds(1))
    let third = try driver.admit(key: 1)
    #expect(driver.running == [third])
  }

  @Test func `failures are remembered only when asked for`() throws {
    for remembers in [false, true] {
      var driver = deduplicating(DeduplicatingInvoker(remembersFailures: remembers))
      let first = try driver.admit(key: 1)
      let beside = try driver.admit(key: 1)
      try driver.end(first, failing: true)
      #expect(answers(driver) == [first: -1, beside: -1])
      let second = try driver.admit(key: 1)
      #expect(driver.running == (remembers ? [] : [second]))
      #expect(answers(driver)[second] == (remembers ? -1 : nil))
    }
  }

  @Test func `the first may leave, the last cancels, and who comes then is not harmed`() throws {
    var driver = deduplicating(DeduplicatingInvoker())
    let first = try driver.admit(key: 1)
    let second = try driver.admit(key: 1)
    try driver.leave(first)
    #expect(driver.cancelled.isEmpty)
    try driver.leave(second)
    #expect(driver.cancelled == [first])
    let third = try driver.admit(key: 1)
    #expect(driver.running == [first, third])
    try driver.end(first)
    #expect(answers(driver).isEmpty)
    try driver.end(third)
    #expect(answers(driver) == [third: 3])
  }

  @Test func `what is under way when it is invalidated is answered, and not remembered`() throws {
    var driver = deduplicating(DeduplicatingInvoker())
    let first = try driver.admit(key: 1)
    driver.invalidate(key: 2)
    let beside = try driver.admit(key: 1)
    driver.invalidate(key: 1)
    let second = try driver.admit(key: 1)
    #expect(driver.running == [first, second])
    try driver.end(second)
    try driver.end(first)
    #expect(answers(driver) == [first: 1, beside: 1, second: 3])
    let third = try driver.admit(key: 1)
    #expect(answers(driver)[third] == 3)
  }

  @Test func `arguments are the same in any order and encoding`() {
    let left = InvocationKey(
      InvokerRequest(RequestID(1), method: "m", arguments: .keywords([.init("a", 1), .init("b", ["x": 1, "y": [2]])])))
    let right = InvocationKey(InvokerRequest(RequestID(1), method: "m", arguments: ["b": ["y": [2], "x": 1], "a": 1]))
    #expect(left == right)
    #expect(
      left != InvocationKey(InvokerRequest(RequestID(1), method: "n", arguments: ["b": ["y": [2], "x": 1], "a": 1])))
    #expect(
      left != InvocationKey(InvokerRequest(RequestID(1), method: "m", arguments: ["b": ["y": [2], "x": 1], "a": "1"])))
    #expect(left != InvocationKey(InvokerRequest(RequestID(1), method: "m", arguments: ["b": ["y": [2], "x": 1]])))
  }

  // MARK: what is remembered

  @Test func `as many results as there is room for, the oldest go`() async {
    for seed in Self.seeds {
      await Task.yield()
      var random = RandomSource(seed)
      let limit = QueueLimit(messages: 1 + random.below(8), bytes: 400 + random.below(2_000))
      var cache = ResultCache(limit: limit)
      var model: [(key: InvocationKey, size: Int)] = []
      for number in 0..<60 {
        let key = InvocationKey(InvokerRequest(RequestID(1), method: "m", arguments: .integer(random.below(12))))
        switch random.below(4) {
        case 0:
          cache.remove { $0 == key }
          model.removeAll { $0.key == key }
        default:
          let payload = [UInt8](repeating: UInt8(number), count: random.below(600))
          cache.insert(.reply(payload), for: key, expiry: nil)
          model.removeAll { $0.key == key }
          let size = payload.count + 129
          if size <= limit.bytes { model.append((key, size)) }
          while model.count > limit.messages || model.reduce(0, { $0 + $1.size }) > limit.bytes { model.removeFirst() }
        }
        #expect(cache.count == model.count, "seed \(seed)")
        #expect(cache.byteCount == model.reduce(0) { $0 + $1.size }, "seed \(seed)")
        #expect(model.allSatisfy { cache.find($0.key, now: .zero) != nil }, "seed \(seed)")
      }
    }
  }

  // MARK: room in the pool

  @Test func `so many run, the others in order`() async {
    for seed in Self.seeds {
      await Task.yield()
      var random = RandomSource(seed)
      var slots = PoolSlots(size: 1 + random.below(4))
      var (running, waiting): ([RequestID], [RequestID]) = ([], [])
      for number in 0..<80 {
        switch random.below(5) {
        case 0...1:
          let id = RequestID(UInt64(number))
          if slots.enter(id) { running.append(id) } else { waiting.append(id) }
        case 2...3:
          guard !running.isEmpty else { continue }
          running.remove(at: random.below(running.count))
          let next = slots.release()
          #expect(next == waiting.first, "seed \(seed)")
          if let next {
            waiting.removeFirst()
            running.append(next)
          }
        default:
          let id = RequestID(UInt64(random.below(number + 1)))
          #expect(slots.leave(id) == waiting.contains(id), "seed \(seed)")
          waiting.removeAll { $0 == id }
        }
        #expect(slots.runningCount == running.count && slots.waitingCount == waiting.count, "seed \(seed)")
        #expect(running.count <= slots.size && (waiting.isEmpty || running.count == slots.size), "seed \(seed)")
      }
      #expect(slots.removeWaiting() == waiting)
    }
  }

  // MARK: the door

  @Test func `the door keeps order and limits`() {
    let intake = PoolIntake(limit: QueueLimit(messages: 3, bytes: 300))
    func message(_ number: UInt32, _ size: Int = 0) -> Message {
      Message(handle: .callService, replyTo: Handle(rawValue: number), payload: [UInt8](repeating: 0, count: size))
    }
    func outcome(_ offer: PoolIntake.Offer) -> String {
      switch offer {
      case .accepted(let wakes): wakes ? "wakes" : "accepted"
      case .full: "full"
      case .closed: "closed"
      }
    }
    // One always has room.
    #expect(outcome(intake.offer(.request(message(1, 1_000)))) == "wakes")
    #expect(outcome(intake.offer(.request(message(2)))) == "full")
    intake.leave(message(1, 1_000))
    #expect(outcome(intake.offer(.request(message(2, 100)))) == "accepted")
    #expect(outcome(intake.offer(.request(message(3, 100)))) == "accepted")
    #expect(outcome(intake.offer(.request(message(4, 100)))) == "full")
    #expect(outcome(intake.offer(.request(message(4)))) == "accepted")
    #expect(outcome(intake.offer(.request(message(5)))) == "full")
    #expect(intake.waitingCount == 3)
    let key = CallAdmission.Key(source: 1, replyTo: 7)
    #expect(outcome(intake.offer(.cancel(key))) == "accepted")
    #expect(outcome(intake.offer(.cancel(key))) == "accepted")
    #expect(outcome(intake.offer(.cancel(key))) == "full")
    var taken: [UInt32] = []
    for _ in 0..<3 { if case .request(let message)? = intake.take() { taken.append(message.replyTo.rawValue) } }
    #expect(taken == [1, 2, 3])
    #expect(intake.close().map(\.replyTo) == [4])
    #expect(outcome(intake.offer(.request(message(6)))) == "closed")
    // Who gives up is still heard: what runs may be what it waited for.
    var gaveUp = 0
    while let item = intake.take() { if case .cancel(key) = item { gaveUp += 1 } }
    #expect(gaveUp == 2)
  }
}
