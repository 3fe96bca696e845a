import Testing

@testable import AsyncMitogen

/// Counters, and how they are read.
@Suite(.timeLimit(.minutes(1)))
struct StatisticsTests {
  @Test func `what a router has carried, per stream and per context`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      let before = await router.statistics()
      for number in 0..<10 { #expect(try await child.call(number) { $0 } == number) }
      for number in 0..<5 { #expect(try await grandchild.call(number) { $0 } == number) }
      let after = await router.statistics()
      #expect(after.messages.sent - before.messages.sent == 15)
      #expect(after.messages.delivered - before.messages.delivered >= 15)
      let stream = try #require(after.streams.first)
      #expect(after.streams.count == 1 && stream.contextID == child.id && stream.name == child.name)
      #expect(stream.pendingBytes == 0 && !stream.isPaused && !stream.isStalled)
      let earlier = try #require(before.streams.first?.traffic)
      #expect(stream.traffic.sentMessages - earlier.sentMessages == 15)
      #expect(stream.traffic.sentBytes - earlier.sentBytes > 15 * UInt64(MessageHeader.size))
      #expect(after.contexts.map(\.contextID) == [child.id, grandchild.id])
      #expect(after.contexts.map(\.via) == [child.id, child.id])
      for (index, count) in [10, 5].enumerated() {
        let (now, then) = (after.contexts[index].traffic, before.contexts[index].traffic)
        #expect(now.sentMessages - then.sentMessages == UInt64(count))
        #expect(now.receivedMessages - then.receivedMessages >= UInt64(count))
      }
      // In the middle: five calls and their answers have passed, each is a hop.
      let middle = try #require(try await child.call { await ExternalContext.current?.router.statistics() })
      #expect(middle.messages.forwarded >= 10)
      #expect(middle.contextID == child.id && middle.calls.running == 1 && middle.calls.started >= 11)
      #expect(Set(middle.streams.map(\.name)).contains("parent"))
    }
  }

  @Test func `calls in flight, what runs, and what waits`() async throws {
    let configuration = RouterConfiguration(maxConcurrentCalls: 2)
    try await withRouter(configuration: configuration) { router in
      let child = try await router.local()
      let begun = Receiver<Int>(router: router)
      let replies = (0..<3).map { number in
        child.callAsync(begun.sender, number) { begun, number in
          try begun.post(number)
          try await Task.sleep(for: .seconds(60))
        }
      }
      for _ in 0..<2 { _ = try await begun.get(timeout: .seconds(20)) }
      let here = await router.statistics()
      #expect(here.calls.inFlight == 3)
      #expect(here.contexts.first { $0.contextID == child.id }?.callsInFlight == 3)
      // All threads for calls are taken: the broker tells.
      let theirs = try await child.dump()
      #expect(theirs.contains("functions that run (2, 1 wait)"))
      for reply in replies { reply.close() }
      #expect(await router.statistics().calls.inFlight == 0)
    }
  }

  @Test func `service methods count`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call { await ExternalContext.current?.router.statistics() }?.services == nil)
      _ = try await child.call(Tally.add, .init(amount: 1))
      let services = try await child.call { await ExternalContext.current?.router.statistics() }?.services
      #expect(services?.size == 16 && services?.waiting == 0)
    }
  }

  @Test func `snapshots come at intervals, and end with the router`() async throws {
    let broker = try Broker()
    let router = Router(broker: broker)
    let counting = Task(executorPreference: broker.taskExecutor) {
      var handlers: [Int] = []
      for await snapshot in router.statistics(every: .milliseconds(1)) {
        handlers.append(snapshot.handlerCount)
        if handlers.count == 3 { Task(executorPreference: broker.taskExecutor) { await router.shutdown() } }
      }
      return handlers.count
    }
    #expect(await counting.value >= 3)
    // One that comes too late sees what is left, and then the end.
    var late = 0
    for await _ in router.statistics(every: .seconds(60)) { late += 1 }
    #expect(late == 1)
    broker.shutdown()
    await broker.join()
  }

  @Test func `a snapshot is the same on the other side`() throws {
    var statistics = RouterStatistics(
      contextID: 1, messages: MessageCounts(), calls: CallStatistics(), services: nil, handlerCount: 2, threadCount: 3,
      streams: [], contexts: [])
    (statistics.messages.delivered, statistics.messages.sent) = (4, 5)
    (statistics.messages.forwarded, statistics.messages.refused) = (6, .max)
    (statistics.calls.inFlight, statistics.calls.running, statistics.calls.waiting) = (7, 8, 9)
    (statistics.calls.waitingBytes, statistics.calls.started) = (10, 11)
    var traffic = Traffic()
    (traffic.sentMessages, traffic.sentBytes) = (12, 13)
    (traffic.receivedMessages, traffic.receivedBytes) = (14, 15)
    for number in [nil, 16] as [ContextID?] {
      statistics.streams.append(
        StreamStatistics(
          name: "s", contextID: number, traffic: traffic, pendingBytes: 17, isPaused: true, isStalled: false))
      statistics.contexts.append(
        ContextStatistics(
          contextID: 18, name: number.map { "\($0)" }, via: number, traffic: traffic, callsInFlight: 19))
    }
    for services in [nil, PoolStatistics(size: 1, running: 2, waiting: 3, refused: 4, services: [])] {
      statistics.services = services
      let encoded = try PickleEncoder().encode(statistics)
      let decoded = try PickleDecoder().decode(RouterStatistics.self, from: encoded)
      // All that there is to be seen in it.
      #expect("\(decoded)" == "\(statistics)")
    }
  }

  @Test func `what is refused counts`() async throws {
    try await withRouter { router in
      let before = await router.statistics().messages.refused
      await #expect(throws: ChannelError.self) { try await router.context(1_234).call { 1 } }
      #expect(await router.statistics().messages.refused == before + 1)
    }
  }

  @Test func `a way that is found again begins at zero, and places are used again`() {
    var map = RouteMap()
    for id in [3, 70_000] as [ContextID] {
      map[id] = 1
      map.countSent(at: map.place(of: id), bytes: 10)
      map.countReceived(at: map.place(of: id), bytes: 20)
      map.countSent(at: map.place(of: 999), bytes: 1)
    }
    #expect(map.all.map(\.context) == [3, 70_000])
    #expect(map.all[0].traffic.sentBytes == 10 && map.all[1].traffic.receivedBytes == 20)
    map[3] = nil
    map[4] = 2
    #expect(map.all.map(\.context) == [4, 70_000] && map[3] == nil && map[4] == 2)
    #expect(map.all[0].traffic.sentMessages == 0 && map.all[1].traffic.sentMessages == 1)
    map[4] = 5
    #expect(map[4] == 5 && map.all.count == 2)
  }
}

/// The text for Prometheus, read as its format says.
struct PrometheusTests {
  @Test func `it can be read back, whatever names are`() throws {
    let hostile = "a \"quoted\" \\ name\nof two lines, {with=\"more\"} 1"
    var statistics = RouterStatistics(
      contextID: 7, messages: MessageCounts(), calls: CallStatistics(),
      services: PoolStatistics(size: 16, running: 1, waiting: 2, refused: 0, services: []), handlerCount: 9,
      threadCount: 2,
      streams: [
        StreamStatistics(
          name: hostile, contextID: nil, traffic: Traffic(), pendingBytes: 5, isPaused: true, isStalled: false)
      ],
      contexts: [ContextStatistics(contextID: 3, name: hostile, via: 3, traffic: Traffic(), callsInFlight: 4)])
    statistics.messages.sent = .max
    let samples = try PrometheusReader(statistics.prometheusText).samples
    #expect(samples[["mitogen_messages_total", "context=7", "outcome=sent"]] == "\(UInt64.max)")
    #expect(samples[["mitogen_stream_pending_bytes", "context=7", "stream=\(hostile)", "peer="]] == "5")
    #expect(samples[["mitogen_stream_paused", "context=7", "stream=\(hostile)", "peer="]] == "1")
    #expect(samples[["mitogen_context_calls_in_flight", "context=7", "peer=3", "name=\(hostile)"]] == "4")
    #expect(samples[["mitogen_service_waiting", "context=7"]] == "2")
    #expect(samples.count == 4 + 4 + 2 + 2 + 7 + 5)
  }

  @Test func `that of a real router too, and its names are those of the documentation`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      _ = try await child.call(Tally.add, .init(amount: 1))
      let text = try #require(
        try await child.call { await ExternalContext.current?.router.statistics().prometheusText })
      let names = Set(try PrometheusReader(text).samples.keys.map { $0[0] })
      let document = try #require(Facts.read(Place.package + "/Docs/Diagnostics.md"))
      let documented = Set(document.split(separator: "`").map(String.init).filter { $0.hasPrefix("mitogen_") })
      #expect(documented.symmetricDifference(names).isEmpty)
    }
  }
}

/// Reads the text format of Prometheus, and is strict about it.
private struct PrometheusReader {
  /// Values, by the metric's name and its labels as `name=value`.
  private(set) var samples: [[String]: String] = [:]

  init(_ text: String) throws {
    var (helped, typed): (Set<Substring>, Set<Substring>) = ([], [])
    try #require(text.hasSuffix("\n"))
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
      let words = line.split(separator: " ")
      if line.hasPrefix("# HELP ") {
        #expect(helped.insert(words[2]).inserted && words.count > 3)
      } else if line.hasPrefix("# TYPE ") {
        #expect(typed.insert(words[2]).inserted && ["counter", "gauge"].contains(words[3]) && words.count == 4)
        #expect((words[3] == "counter") == words[2].hasSuffix("_total"))
      } else {
        try read(line, typed)
      }
    }
    #expect(helped == typed)
  }

  private mutating func read(_ line: Substring, _ typed: Set<Substring>) throws {
    let name = line.prefix { $0.isLetter || $0 == "_" }
    #expect(typed.contains(name))
    var rest = line.dropFirst(name.count)
    var key = [String(name)]
    if rest.first == "{" {
      repeat {
        rest = rest.dropFirst()
        let label = rest.prefix { $0.isLetter || $0 == "_" }
        rest = rest.dropFirst(label.count)
        try #require(rest.hasPrefix("=\""))
        rest = rest.dropFirst(2)
        var value = ""
        while let character = rest.popFirst(), character != "\"" {
          guard character == "\\" else {
            value.append(character)
            continue
          }
          let escapes: [Character: Character] = ["n": "\n", "\\": "\\", "\"": "\""]
          let escaped = rest.popFirst()
          value.append(try #require(escaped.flatMap { escapes[$0] }))
        }
        key.append("\(label)=\(value)")
      } while rest.first == ","
      let end = rest.popFirst()
      try #require(end == "}")
    }
    let space = rest.popFirst()
    try #require(space == " " && UInt64(rest) != nil)
    let before = samples.updateValue(String(rest), forKey: key)
    #expect(before == nil)
  }
}
