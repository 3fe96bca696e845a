import Testing

@testable import AsyncMitogen

/// What a router answers, refuses and delivers, with real children.
@Suite(.timeLimit(.minutes(1)))
struct RouterTests {
  @Test func `no module is served, and the answer says so`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let answer = try await child.call {
        guard let current = ExternalContext.current else { throw Opaque() }
        let receiver = Receiver<Message>(router: current.router, handle: .loadModule, overwrite: true)
        try current.parent.send(Array("no_such_module".utf8), encoding: .legacy, to: .getModule)
        return try await receiver.get(timeout: .seconds(20)).payload
      }
      let expected: PickledValue = .tuple(["no_such_module", .none, .none, .none, .tuple([])])
      #expect(try Unpickled(answer).root.value == expected)
    }
  }

  @Test func `a handler, once and until it is removed`() async throws {
    try await withRouter { router in
      let heard = Receiver<Int>(router: router)
      let sender = heard.sender
      let handle = try router.addHandler { message in try? sender.post(message.isDead ? -1 : message.payload.count) }
      #expect(handle.rawValue >= 1_000)
      #expect(throws: StreamError.self) { try router.addHandler(handle) { _ in } }
      try router.myself.send([1, 2], to: handle)
      #expect(try await heard.get(timeout: .seconds(20)) == 2)
      try router.deleteHandler(handle)
      #expect(throws: StreamError.self) { try router.deleteHandler(handle) }
      try router.addHandler(handle, persist: false) { message in try? sender.post(message.payload.count) }
      try router.myself.send([], to: handle)
      #expect(try await heard.get(timeout: .seconds(20)) == 0)
      #expect(throws: StreamError.self) { try router.deleteHandler(handle) }
    }
  }

  @Test func `every handler hears of the end`() async throws {
    let ended = Counter()
    try await withRouter { router in
      for _ in 0..<10 { try router.addHandler { message in if message.isDead { ended.add() } } }
    }
    #expect(ended.value == 10)
  }

  @Test func `a policy refuses, and the sender is told`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let refusing = MessagePolicy { _, _ in false }
      try router.addHandler(450_000, policy: refusing) { message in if !message.isDead { Issue.record("delivered") } }
      try router.addHandler(450_001, policy: .parentAuthority) { message in
        if !message.isDead { Issue.record("delivered") }
      }
      for handle in [450_000, 450_001] as [Handle] {
        let reason = try await child.call(handle) { handle in
          guard let current = ExternalContext.current else { throw Opaque() }
          let receiver = Receiver<Message>(router: current.router, persist: false)
          guard let reply = receiver.handle else { throw Opaque() }
          try current.master.send([], to: handle, replyTo: reply)
          do { _ = try await receiver.get(timeout: .seconds(20)) } catch let error as ChannelError {
            return error.reason
          }
          return "delivered"
        }
        #expect(reason == "refused by policy")
      }
    }
  }

  @Test func `messages to nowhere come back dead`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      func reason(_ context: Context, _ handle: Handle) async throws -> String? {
        let receiver = Receiver<Message>(router: router, persist: false)
        try context.send([], to: handle, replyTo: try #require(receiver.handle))
        do { _ = try await receiver.get(timeout: .seconds(20)) } catch let error as ChannelError { return error.reason }
        return nil
      }
      #expect(try await reason(child, 999) == "invalid handle")
      #expect(try await reason(router.context(1_234), 1) == "no route to 1234, my ID is 0")
      #expect(try await reason(router.myself, 77) == "invalid handle")
    }
  }

  @Test func `an answer goes once to who asked, to the handle that was named`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let answers = Receiver<Message>(router: router)
      let handle = try #require(answers.handle)
      try child.send([], to: .capabilities, replyTo: handle)
      let answer = try await answers.get(timeout: .seconds(20))
      #expect(answer.source == child.id && answer.authority == child.id && answer.destination == .master)
      #expect(answer.handle == handle && answer.replyTo == .none)
      #expect(answer.payload == Array(Router.capabilities.utf8))
      // What comes next is the answer to the next message.
      try child.send([], to: 999, replyTo: handle)
      let error = await #expect(throws: ChannelError.self) { try await answers.get(timeout: .seconds(20)) }
      #expect(error?.reason == "invalid handle" && error?.context == child.id)
      #expect(answers.size == 0)
      try router.context(1_234).send([], to: 1, replyTo: handle)
      let nowhere = await #expect(throws: ChannelError.self) { try await answers.get(timeout: .seconds(20)) }
      #expect(nowhere == ChannelError("no route to 1234, my ID is 0"))
    }
  }

  @Test func `a message bears the name of who sent it, and keeps its content`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let heard = Receiver<Message>(router: router, handle: 460_000)
      try await child.call {
        guard let current = ExternalContext.current else { throw Opaque() }
        current.router.post(
          Message(source: 99, authority: 0, handle: 460_000, encoding: .binary, payload: [0x80, 0x02, 0x2e]))
      }
      let message = try await heard.get(timeout: .seconds(20))
      #expect(message.source == child.id && message.authority == child.id)
      #expect(message.encoding == .binary && message.payload == [0x80, 0x02, 0x2e])
      #expect(router.myself.id == .master && router.myself.name == "self")
      let here = Receiver<String>(router: router)
      #expect(here.sender.context == router.myself)
      try Sender<String>(context: router.myself, handle: try #require(here.handle)).post("hi")
      #expect(try await here.get(timeout: .seconds(20)) == "hi")
    }
  }

  @Test func `a receiver hears that what was sent to it is too large`() async throws {
    try await withRouter(configuration: RouterConfiguration(maxMessageSize: 4_096)) { router in
      let receiver = Receiver<Message>(router: router)
      let handle = try #require(receiver.handle)
      try router.myself.send([UInt8](repeating: 0, count: 8_192), to: handle)
      let error = await #expect(throws: ChannelError.self) { try await receiver.get(timeout: .seconds(20)) }
      #expect(error?.reason == "message too large (max 4096 bytes)")
      try router.myself.send([1], to: handle)
      #expect(try await receiver.get(timeout: .seconds(20)).payload == [1])
    }
  }

  @Test func `one that is privileged is reached by its siblings, and refuses for itself`() async throws {
    try await withRouter(configuration: RouterConfiguration(unidirectional: true)) { router in
      let (first, second) = (try await router.local(), try await router.local())
      await router.setPrivileged(second, true)
      let error = await #expect(throws: CallError.self) {
        try await first.call(second) { second in try await second.call { 1 } }
      }
      #expect(error?.message.contains("refused by policy") == true)
    }
  }

  @Test func `a child cannot end, route or call its parent`() async throws {
    try await withRouter { router in
      let (child, other) = (try await router.local(), try await router.local())
      try await child.call(other) { other in
        guard let current = ExternalContext.current else { throw Opaque() }
        // The end of a sibling, of the master; routes that are not its own; an identity that is not its own.
        try other.send([], encoding: .legacy, to: .shutdown)
        try current.master.send([], encoding: .legacy, to: .shutdown)
        try current.master.send(Array("0:evil".utf8), encoding: .legacy, to: .addRoute)
        try current.master.send(Array("\(other.id):evil".utf8), encoding: .legacy, to: .addRoute)
        try current.master.send(Array("\(other.id)".utf8), encoding: .legacy, to: .deleteRoute)
        try current.master.send(Array("x".utf8), encoding: .legacy, to: .addRoute)
        try current.master.send(Array("not a record".utf8), encoding: .legacy, to: .forwardLog)
      }
      #expect(try await other.call { 1 } == 1)
      #expect(try await child.call { 2 } == 2)
      #expect(await router.reachableContexts.count == 2)
    }
  }

  @Test func `standard handles are those that it should have`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let handles =
        [
          .callFunction, .callService, .cancelCall, .addRoute, .deleteRoute, .shutdown, .getModule, .capabilities,
          .printed, .keepAlive, .getResource, .loadModule, .loadResource, .forwardModule,
        ] as [Handle]
      for handle in handles {
        let isTaken = try await child.call(handle) { handle in
          guard let current = ExternalContext.current else { throw Opaque() }
          do { try current.router.addHandler(handle) { _ in } } catch is StreamError { return true }
          return false
        }
        #expect(isTaken, "\(handle)")
      }
      #expect(throws: StreamError.self) { try router.addHandler(.allocateID) { _ in } }
      #expect(throws: StreamError.self) { try router.addHandler(.forwardLog) { _ in } }
    }
  }
}
