import AsyncMitogen
import Testing

/// What calls to services return.
@Suite(.timeLimit(.minutes(1)))
struct ServiceCallTests {
  @Test func `the first call makes the service, later ones find it`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call(Tally.add, .init(amount: 4)) == 4)
      #expect(try await child.call(Tally.add, .init(amount: 3), timeout: .seconds(30)) == 7)
      #expect(try await child.call(Tally.total) == 7)
      // Each context has its own.
      let grandchild = try await router.local(via: child)
      #expect(try await grandchild.call(Tally.total) == 0)
    }
  }

  @Test func `by name`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(Tally.name == "AsyncMitogenTests.Tally")
      let sum: Int = try await child.callService("AsyncMitogenTests.Tally", "add", ["amount": 5])
      #expect(sum == 5)
      let value = try await child.callService(Tally.name, "total")
      #expect(value == .integer(5))
    }
  }

  @Test func `in all forms`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.callAsync(Tally.add, .init(amount: 1)).get(timeout: .seconds(20)) == 1)
      #expect(try await child.callAsync(Tally.total).get(timeout: .seconds(20)) == 1)
      try child.callNoReply(Tally.add, .init(amount: 1))
      try child.callNoReply(Tally.total)
      #expect(try await child.call(Tally.total) == 2)
      try await child.call(Curious.rest)
      _ = try await child.callAsync(Curious.rest).get(timeout: .seconds(20))
    }
  }

  @Test func `what is thrown, and what a method sees`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) { try await child.call(Curious.fail) }
      #expect(error?.thrown(as: DiskFull.self) == DiskFull(device: "sdb"))
      #expect(error?.context == child.id)
      #expect(try await child.call(Curious.surroundings) == [0, 0, child.id.rawValue, child.id.rawValue])
      let sibling = try await router.local()
      let seen = try await sibling.call(child) { try await $0.call(Curious.surroundings) }
      #expect(seen == [sibling.id.rawValue, sibling.id.rawValue, child.id.rawValue, child.id.rawValue])
      #expect(Message.current == nil && Context.caller == nil && Pool.current == nil)
    }
  }

  @Test func `a method that never answers`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let inbox = Receiver<Int>(router: router)
      try await child.call(Curious.tell, .init(inbox: inbox.sender, value: 3))
      #expect(try await inbox.get(timeout: .seconds(20)) == 3)
      try await child.call(Curious.tell, .init(inbox: inbox.sender, value: -3))
      #expect(try await inbox.get(timeout: .seconds(20)) == -3)
      // Who waits all the same is told that nothing will come.
      let reply = child.callAsync(Curious.tell, .init(inbox: inbox.sender, value: -4))
      let error = await #expect(throws: ChannelError.self) { try await reply.get(timeout: .seconds(20)) }
      #expect(error?.reason == "the method sends no reply")
      // Of a refusal they hear.
      let refusal = await #expect(throws: CallError.self) {
        try await child.callService(Curious.name, "tell", ["value": 1])
      }
      #expect(refusal?.message == "Required argument 'inbox' missing.")
    }
  }

  @Test func `calls to the own context pass the same way`() async throws {
    try await withRouter { router in
      let none = await #expect(throws: ChannelError.self) { try await router.myself.call(Tally.total) }
      #expect(none?.reason == "invalid handle")
      let counter = Tally(router: router)
      let pool = Pool(router: router, services: [counter])
      #expect(try await router.myself.call(Tally.add, .init(amount: 2)) == 2)
      #expect(await counter.add(0) == 2)
      #expect(await pool.service(Tally.self) === counter)
      // And activates what is not there.
      #expect(try await router.myself.call(Guarded.parents) == "parents")
      let refused = await #expect(throws: CallError.self) { try await router.myself.call(Guarded.both) }
      #expect(refused?.message.hasPrefix("Caller is not authorized") == true)
      #expect(await pool.serviceNames == [Tally.name, Guarded.name])
      // A child may what it may.
      let child = try await router.local()
      #expect(try await child.call { try await ExternalContext.current?.master.call(Tally.total) } == 2)
      let unprivileged = await #expect(throws: CallError.self) {
        try await child.call { try await ExternalContext.current?.master.call(Tally.add, .init(amount: 1)) }
      }
      #expect(unprivileged?.causes.first?.message == ServiceTexts.unauthorized("add", Tally.name))
      // A child reaches itself too.
      #expect(try await child.call { try await ExternalContext.current?.router.myself.call(Tally.total) } == 0)
      await pool.close()
      let closed = await #expect(throws: ChannelError.self) { try await router.myself.call(Tally.total) }
      #expect(closed?.reason == "invalid handle")
    }
  }

  @Test func `arguments need names`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      await #expect(throws: ServiceError.self) { try await child.call(Curious.numbers, 3) }
    }
  }
}

/// What Mitogen says.
enum ServiceTexts {
  static func unauthorized(_ method: String, _ service: String) -> String {
    "Caller is not authorized to invoke '\(method)' of service '\(service)'"
  }

  static func notActive(_ service: String) -> String {
    "Service '\(service)' is not yet activated in this context, and the caller is not privileged, therefore "
      + "autoactivation is disabled."
  }
}
