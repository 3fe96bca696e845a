import Glibc
import Testing

@testable import AsyncMitogen

/// What happens to a router, as sequences.
@Suite(.timeLimit(.minutes(1)))
struct EventTests {
  @Test func `contexts, links, processes, the pool and the router, for two observers alike`() async throws {
    let broker = try Broker()
    let router = Router(broker: broker)
    let (first, second) = (router.events, router.events)
    let pool = Pool(router: router)
    let poolEvents = pool.events
    let child = try await router.local()
    let grandchild = try await router.local(via: child)
    try await child.shutdown()
    await pool.close()
    await router.shutdown()
    let heard = await collect(first)
    #expect(await collect(second) == heard)
    let name = try #require(child.name)
    let orders = [
      ["link \(name) opened", "\(child.id) connected", "\(grandchild.id) connected", "\(grandchild.id) gone"],
      ["\(child.id) connected", "link \(name) closed", "\(child.id) gone", "pool shutdown", "pool exit", "exit"],
      ["link \(name) opened", "\(child.id) exited with return code 0", "\(child.id) gone", "shutdown", "exit"],
    ]
    for order in orders { #expect(heard.filter { order.contains($0) } == order, "\(heard)") }
    #expect(Set(heard) == Set(orders.joined()) && heard.count == 11)
    #expect(heard.suffix(2) == ["shutdown", "exit"])
    var ofPool: [PoolEvent] = []
    for await event in poolEvents { ofPool.append(event) }
    #expect(ofPool == [.shutdown, .exit])
    // Late, both hear the end alone.
    #expect(await collect(router.events) == ["exit"])
    ofPool = []
    for await event in pool.events { ofPool.append(event) }
    #expect(ofPool == [.exit])
    broker.shutdown()
    await broker.join()
  }

  @Test func `links are told of the end of the router`() async throws {
    let broker = try Broker()
    let router = Router(broker: broker)
    let events = router.events
    let child = try await router.local()
    await router.shutdown()
    let heard = await collect(events)
    let name = try #require(child.name)
    let end = ["shutdown", "link \(name) is told to end", "link \(name) closed"]
    #expect(heard.filter { end.contains($0) } == end && heard.last == "exit")
    broker.shutdown()
    await broker.join()
  }

  private func collect(_ events: AsyncStream<RouterEvent>) async -> [String] {
    var texts: [String] = []
    for await event in events {
      switch event {
      case .connected(let context): texts.append("\(context.id) connected")
      case .disconnected(let disconnect): texts.append("\(disconnect.context.id) gone")
      case .linkOpened(let link): texts.append("link \(link.name) opened")
      case .linkShutdown(let link): texts.append("link \(link.name) is told to end")
      case .linkClosed(let link): texts.append("link \(link.name) closed")
      case .processExited(let context, let status): texts.append("\(context.id) \(status)")
      case .pool(let event): texts.append("pool \(event)")
      case .shutdown: texts.append("shutdown")
      case .exit: texts.append("exit")
      case .missed(let count): texts.append("missed \(count)")
      }
    }
    return texts
  }
}

/// Many observers of one thing.
struct EventHubTests {
  private func hub(limit: Int = 4) -> EventHub<Int> { EventHub(limit: limit) { -$0 } }

  private func all(_ events: AsyncStream<Int>) async -> [Int] {
    await events.reduce(into: []) { $0.append($1) }
  }

  @Test func `each hears what happens after it began`() async {
    let hub = hub()
    let first = hub.events()
    hub.tell(1)
    let second = hub.events()
    hub.tell(2)
    hub.end(3)
    #expect(await all(first) == [1, 2, 3])
    #expect(await all(second) == [2, 3])
    #expect(await all(hub.events()) == [3])
    #expect(hub.observerCount == 0)
    hub.tell(4)
  }

  @Test func `who is too slow misses the newest, and is told how many`() async {
    let hub = hub(limit: 4)
    let (slow, fast) = (hub.events(), hub.events())
    var (slowly, quickly) = (slow.makeAsyncIterator(), fast.makeAsyncIterator())
    for number in 1...4 { hub.tell(number) }
    for number in 1...4 { #expect(await quickly.next() == number) }
    for number in 5...7 { hub.tell(number) }
    for number in 5...7 { #expect(await quickly.next() == number) }
    #expect(await slowly.next() == 1)
    #expect(await slowly.next() == 2)
    hub.tell(8)
    for expected in [3, 4, -3, 8] { #expect(await slowly.next() == expected) }
    hub.end(9)
    #expect(await slowly.next() == 9)
    #expect(await slowly.next() == nil)
  }

  @Test func `who leaves is forgotten`() async {
    let hub = hub()
    do {
      let task = Task {
        for await _ in hub.events() { return }
      }
      while hub.observerCount == 0 { await Task.yield() }
      hub.tell(1)
      await task.value
    }
    #expect(hub.observerCount == 0)
  }
}
