import AsyncMitogen
import Testing

/// Contexts below contexts, and those beside each other.
@Suite(.timeLimit(.minutes(1)))
struct TreeTests {
  @Test func `ten contexts, each started by the last`() async throws {
    try await withRouter { router in
      var context: Context?
      var pids: Set<Int32> = []
      for _ in 0..<10 {
        let next = try await router.local(via: context)
        pids.insert(try await next.call { Facts.processID() })
        context = next
      }
      #expect(pids.count == 10)
      #expect(context?.name?.split(separator: ".").filter { $0 == "local" }.count == 10)
      let depth = try await context?.call { ExternalContext.current?.router.parentIDs.count }
      #expect(depth == 10)
    }
  }

  @Test func `numbers come in blocks`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(child.id == 1)
      #expect(try await child.call { try await ExternalContext.current?.router.allocateID() } == 2)
      #expect(try await child.call { try await ExternalContext.current?.router.allocateID() } == 3)
      #expect(try await router.local().id == 1_002)
      #expect(try await router.local(via: child).id == 4)
    }
  }

  @Test func `siblings talk through senders`() async throws {
    try await withRouter { router in
      let (first, second) = (try await router.local(), try await router.local())
      let inbox = try await second.call {
        guard let current = ExternalContext.current else { throw Opaque() }
        let receiver = Receiver<Int>(router: current.router, handle: 400_000)
        Task {
          var sum = 0
          for try await value in receiver { sum += value }
          try Sender<Int>(context: current.master, handle: 410_000).post(sum)
        }
        return receiver.sender
      }
      let result = Receiver<Int>(router: router, handle: 410_000)
      #expect(inbox.context == second)
      try await first.call(inbox) { inbox in
        for value in 1...100 { try await inbox.send(value) }
        inbox.close()
      }
      #expect(try await result.get(timeout: .seconds(20)) == 5_050)
      #expect(await router.egress(of: first) == [0, second.id])
    }
  }

  @Test func `a sender is told that its receiver is gone`() async throws {
    try await withRouter { router in
      let (first, second) = (try await router.local(), try await router.local())
      let inbox = try await second.call {
        guard let current = ExternalContext.current else { throw Opaque() }
        return Receiver<Int>(router: current.router).sender
      }
      // The receiver went with the end of the call.
      let error = await #expect(throws: CallError.self) {
        try await first.call(inbox) { inbox in
          for value in 0..<100 {
            try await inbox.send(value)
            try await Task.sleep(for: .milliseconds(1))
          }
        }
      }
      #expect(error?.typeName == "AsyncMitogen.ChannelError")
    }
  }

  @Test func `whoever talked to a context hears of its end`() async throws {
    try await withRouter { router in
      let (first, second) = (try await router.local(), try await router.local())
      let beyond = try await router.local(via: second)
      let ready = Receiver<Int>(router: router)
      let reply = first.callAsync(beyond, ready.sender) { beyond, ready in
        guard let current = ExternalContext.current else { throw Opaque() }
        // A message makes the way known; then it waits for one that never comes.
        try beyond.send([], to: 999)
        let receiver = Receiver<Message>(router: current.router, respondent: beyond)
        try ready.post(1)
        do { _ = try await receiver.get() } catch let error as ChannelError { return error.reason }
        return "a message"
      }
      _ = try await ready.get(timeout: .seconds(20))
      try await second.shutdown()
      #expect(try await reply.get(timeout: .seconds(20)) == "the respondent Context has disconnected")
    }
  }

  @Test func `a sender, a channel and a select`() async throws {
    try await withRouter { router in
      let contexts = try await withThrowingTaskGroup(of: Context.self) { group in
        for _ in 0..<5 { group.addTask { try await router.local() } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      var answers: [ContextID: Int32] = [:]
      for try await reply in Select(contexts.map { $0.callAsync { Facts.processID() } }) {
        answers[reply.context.id] = try reply.value
      }
      #expect(Set(answers.keys) == Set(contexts.map(\.id)))
      #expect(Set(answers.values).count == 5)
      #expect(try await Select.all(contexts.map { $0.callAsync(2) { $0 * 2 } }) == [4, 4, 4, 4, 4])
      // One that fails throws where its value is asked for.
      var failures = 0
      for try await reply in Select([contexts[0].callAsync { 1 }, contexts[1].callAsync { throw Opaque() }]) {
        do { _ = try reply.value } catch is CallError { failures += 1 }
      }
      #expect(failures == 1)
      let handle = try await contexts[0].call {
        guard let current = ExternalContext.current else { throw Opaque() }
        let channel = Channel<Int, Int>(router: current.router, context: current.master, destinationHandle: 420_000)
        Task { for try await value in channel { try await channel.send(value + 1) } }
        return channel.handle
      }
      let channel = Channel<Int, Int>(
        router: router, context: contexts[0], destinationHandle: try #require(handle), handle: 420_000)
      for value in 0..<10 {
        try await channel.send(value)
        #expect(try await channel.get(timeout: .seconds(20)) == value + 1)
      }
      channel.close()
    }
  }

  @Test func `in one direction siblings cannot reach each other`() async throws {
    try await withRouter(configuration: RouterConfiguration(unidirectional: true)) { router in
      let (first, second) = (try await router.local(), try await router.local())
      let error = await #expect(throws: CallError.self) {
        try await first.call(second) { second in try await second.call { 1 } }
      }
      let way = "from context \(first.id) to context \(second.id) via context 0"
      let reason = "routing mode prevents forward of message \(way)"
      #expect(error?.message.contains(reason) == true)
      let parent = try await router.local()
      let (third, fourth) = (try await router.local(via: parent), try await router.local(via: parent))
      let below = await #expect(throws: CallError.self) {
        try await third.call(fourth) { fourth in try await fourth.call { 1 } }
      }
      #expect(below?.message.contains("via context \(parent.id)") == true)
      // One that has its parent's authority is reached, and refuses for itself.
      await router.setPrivileged(first, true)
      await router.setPrivileged(second, true)
      #expect(try await first.call(second) { second in try await second.call { 7 } } == 7)
    }
  }

  @Test func `the end of a context, of a subtree, of one that is cut off`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      let other = try await router.local()
      let events = await router.disconnects
      let pending = grandchild.callAsync { try await Task.sleep(for: .seconds(60)) }
      try await child.shutdown()
      let error = await #expect(throws: ChannelError.self) { try await pending.get(timeout: .seconds(20)) }
      #expect(error?.reason == "the respondent Context has disconnected")
      var gone: Set<ContextID> = []
      for await event in events {
        gone.insert(event.context.id)
        if gone.count == 2 { break }
      }
      #expect(gone == [child.id, grandchild.id])
      #expect(await router.reachableContexts == [other])
      try await grandchild.shutdown()
      async let disconnected: Void = other.disconnected()
      await router.disconnect(other)
      try await disconnected
      await router.disconnect(router.context(99))
      let pair = [try await router.local(), try await router.local()]
      await router.disconnectAll()
      for context in pair { try await context.disconnected() }
      #expect(await router.reachableContexts.isEmpty)
    }
  }

  @Test func `two routers on one broker, and two brokers`() async throws {
    let broker = try Broker()
    let (first, second) = (Router(broker: broker), Router(broker: broker))
    async let one = first.local().call { Facts.processID() }
    async let two = second.local().call { Facts.processID() }
    async let three = withRouter { try await $0.local().call { Facts.processID() } }
    #expect(Set([try await one, try await two, try await three]).count == 3)
    await first.shutdown()
    #expect(try await second.local().call { 5 } == 5)
    await second.shutdown()
    broker.shutdown()
    await broker.join()
  }
}
