import Testing

@testable import AsyncMitogen

/// What a pool counts.
@Suite(.timeLimit(.minutes(1)))
struct PoolStatisticsTests {
  private func count<Host: Service>(
    _ pool: Pool, _ type: Host.Type, _ method: String
  ) async -> PoolStatistics.Method {
    let service = await pool.statistics.services.first { $0.name == Host.name }
    return service?.methods.first { $0.name == method } ?? PoolStatistics.Method(name: "none")
  }

  private func expectRefusal(_ body: () async throws -> Void) async {
    let error = await #expect(throws: CallError.self) { try await body() }
    #expect(error?.thrown(as: ServiceError.self) != nil)
  }

  @Test func `each request once, by its end`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router, services: [Curious(router: router), Guarded(router: router)], size: 3)
      #expect(router.pool === pool)
      let start = await pool.statistics
      #expect(start.size == 3 && start.running == 0 && start.waiting == 0 && start.refused == 0)
      #expect(start.services.map(\.name) == [Curious.name, Guarded.name])
      #expect(start.services.last?.methods.map(\.name) == ["any", "parents", "own", "all", "both"])
      #expect(start.total == PoolStatistics.Method(name: ""))

      for _ in 0..<3 { try await router.myself.call(Curious.rest) }
      await #expect(throws: CallError.self) { try await router.myself.call(Curious.fail) }
      for arguments in [[:], ["text": 1]] as [PickledValue] {
        await expectRefusal { try await router.myself.callService(Curious.name, "take", arguments) }
      }
      await expectRefusal { _ = try await router.myself.call(Guarded.all) }
      var rest = PoolStatistics.Method(name: "rest")
      rest.served = 3
      #expect(await count(pool, Curious.self, "rest") == rest)
      #expect(await count(pool, Curious.self, "fail").failed == 1)
      #expect(await count(pool, Curious.self, "take").refused == 2)
      #expect(await count(pool, Guarded.self, "all").refused == 1)

      // Nobody hears how a method ends that sends no reply; it is counted all the same.
      let inbox = Receiver<Int>(router: router)
      for value in [1, -1, 2] { try await router.myself.call(Curious.tell, .init(inbox: inbox.sender, value: value)) }
      await until { await count(pool, Curious.self, "tell").ended == 3 }
      #expect(await count(pool, Curious.self, "tell").served == 2)
      #expect(await count(pool, Curious.self, "tell").failed == 1)

      // What belongs to no method.
      #expect(await pool.statistics.refused == 0)
      await expectRefusal { try await router.myself.callService(Curious.name, "nothing") }
      await expectRefusal { try await router.myself.callService("no.such.service", "x") }
      await expectRefusal {
        _ = try await router.call([1, 2, 3], in: router.myself, handle: .callService, timeout: nil, as: Int.self)
      }
      #expect(await pool.statistics.refused == 3)
      #expect(await pool.statistics.total.ended == 10)
      await pool.close()
      #expect(router.pool == nil)
      // The last numbers stay.
      #expect(await pool.statistics.total.ended == 10)
    }
  }

  @Test func `what runs, what waits, who gives up, and what the end refuses`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let pool = Pool(
        router: router, services: [Open(router: router), InTurn(router: router)], size: 1,
        queueLimit: QueueLimit(messages: 4))
      let first = router.myself.callAsync(Open.pass, keeper.gate())
      let entry = try await keeper.next()
      var waiting = (0..<4).map { _ in router.myself.callAsync(Open.pass, keeper.gate()) }
      await until { await pool.statistics.waiting == 4 }
      await expectRefusal { _ = try await router.myself.call(Open.pass, keeper.gate()) }
      waiting.removeLast().close()
      await until { await count(pool, Open.self, "pass").cancelled == 1 }
      let now = await pool.statistics
      #expect(now.running == 1 && now.waiting == 3 && now.refused == 1)
      let pass = await count(pool, Open.self, "pass")
      #expect(pass.running == 1 && pass.waiting == 3 && pass.ended == 1)

      let inTurn = router.myself.callAsync(InTurn.pass, keeper.gate())
      await until { await count(pool, InTurn.self, "pass").waiting == 1 }
      async let closed: Void = pool.close()
      for reply in waiting + [inTurn] { await expectRefusal { _ = try await reply.get(timeout: .seconds(20)) } }
      try await entry.proceed.send(1)
      #expect(try await first.get(timeout: .seconds(20)) == 1)
      await closed
      let end = await pool.statistics
      #expect(end.running == 0 && end.waiting == 0 && end.total.running == 0 && end.total.waiting == 0)
      #expect(end.total.served == 1 && end.total.refused == 4 && end.total.cancelled == 1 && end.refused == 1)
    }
  }

  @Test func `shared results are served to each`() async throws {
    try await withRouter { router in
      let keeper = GateKeeper(router)
      let pool = Pool(router: router, services: [Once(router: router)])
      let question = Once.Question(number: 1, gate: keeper.gate())
      let replies = (0..<5).map { _ in router.myself.callAsync(Once.ask, question) }
      let entry = try await keeper.next()
      await until { await count(pool, Once.self, "ask").waiting == 4 }
      #expect(await count(pool, Once.self, "ask").running == 1)
      try await entry.proceed.send(0)
      for reply in replies { _ = try await reply.get(timeout: .seconds(20)) }
      _ = try await router.myself.call(Once.ask, question)
      let ask = await count(pool, Once.self, "ask")
      #expect(ask.served == 6 && ask.waiting == 0 && ask.running == 0)
      await pool.close()
    }
  }

  @Test func `a child's pool, seen from its parent`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let ask = { @Sendable () async throws -> PoolStatistics? in
        try await child.call { () async -> PoolStatistics? in await ExternalContext.current?.router.pool?.statistics }
      }
      #expect(try await ask() == nil)
      await #expect(throws: CallError.self) { try await child.call(Reluctant.greet) }
      _ = try await child.call(Tally.add, .init(amount: 3))
      let statistics = try #require(try await ask())
      #expect(statistics.size == 16 && statistics.refused == 1)
      #expect(statistics.services.map(\.name) == [Tally.name] && statistics.total.served == 1)
    }
  }
}
