import AsyncMitogen
import Glibc
import Testing

/// Functions called in a real child.
@Suite(.timeLimit(.minutes(1)))
struct CallTests {
  @Test func `functions of any number of arguments`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call { getpid() } != getpid())
      #expect(try await child.call { getppid() } == getpid())
      #expect(try await child.call(1) { $0 + 1 } == 2)
      #expect(try await child.call(1, 2) { $0 + $1 } == 3)
      #expect(try await child.call("a", 2, 3.5) { "\($0)\($1)\($2)" } == "a23.5")
      let six = try await child.call(1, 2, 3, 4, 5, 6) { one, two, three, four, five, six in
        [one, two, three, four, five, six]
      }
      #expect(six == [1, 2, 3, 4, 5, 6])
      try await child.call { _ = getpid() }
    }
  }

  @Test func `arguments and results of many types`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call(Point(x: 1, y: 2)) { Point(x: $0.y, y: $0.x) } == Point(x: 2, y: 1))
      #expect(try await child.call([UInt8](0...255)) { Array($0.reversed()) } == Array((0...255).reversed()))
      #expect(try await child.call(["a": [1, 2], "b": []]) { $0 } == ["a": [1, 2], "b": []])
      #expect(try await child.call(Int?.none) { $0 } == nil)
      #expect(
        try await child.call(UInt64.max, Int64.min) { [$0.description, $1.description] }
          == [UInt64.max.description, Int64.min.description])
      #expect(try await child.call(Secret("hush")) { $0.reveal() } == "hush")
      #expect(try await child.call(Blob([1, 2])) { $0 } == Blob([1, 2]))
      let value: PickledValue = ["k": [1, "two", nil, true]]
      #expect(try await child.call(value) { $0 } == value)
      #expect(try await child.call(child) { $0 } == child)
      let large = [UInt8](repeating: 7, count: 8 << 20)
      #expect(try await child.call(large) { $0 } == large)
    }
  }

  @Test func `remote functions are found by name`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call(Add(left: 2, right: 3)) == 5)
      #expect(try await child.call(Nested.Shout(text: "hi")) == "HI")
      let error = await #expect(throws: CallError.self) { try await child.call(Fail()) }
      #expect(error?.thrown(as: DiskFull.self) == DiskFull(device: "sda"))
      #expect(try await child.callAsync(Add(left: 1, right: 1)).get() == 2)
    }
  }

  @Test func `an error keeps its type, text and place`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) {
        try await child.call { throw DiskFull(device: "sdb") }
      }
      #expect(error?.typeName.hasSuffix(".DiskFull") == true)
      #expect(error?.message.contains("sdb") == true)
      #expect(error?.context == child.id)
      #expect(error?.thrown(as: DiskFull.self) == DiskFull(device: "sdb"))
      let other = await #expect(throws: CallError.self) { try await child.call { throw Opaque() } }
      #expect(other?.typeName.hasSuffix(".Opaque") == true)
      #expect(other?.thrown(as: DiskFull.self) == nil)
      #expect(try await child.call { 1 } == 1)
    }
  }

  @Test func `an error that comes through another context names both`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      let error = await #expect(throws: CallError.self) {
        try await child.call(grandchild) { grandchild in
          try await grandchild.call { throw DiskFull(device: "sdc") }
        }
      }
      #expect(error?.context == child.id)
      #expect(error?.causes.count == 1)
      #expect(error?.causes.first?.context == grandchild.id)
      #expect(error?.causes.first?.typeName.hasSuffix(".DiskFull") == true)
    }
  }

  @Test func `an argument that cannot be read is an error of the call`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      await #expect(throws: CallError.self) { try await child.call(Even(number: 3)) { $0.number } }
      #expect(try await child.call(Even(number: 4)) { $0.number } == 4)
    }
  }

  @Test func `a deadline ends the wait and cancels the function`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let ends = Receiver<String>(router: router)
      let before = router.handlerCount
      await #expect(throws: TimeoutError.self) {
        try await child.call(ends.sender, timeout: .milliseconds(100)) { ends in
          do { try await Task.sleep(for: .seconds(60)) } catch { try ends.post("\(type(of: error))") }
        }
      }
      #expect(try await ends.get(timeout: .seconds(20)) == "CancellationError")
      #expect(router.handlerCount == before)
    }
  }

  @Test func `cancelling the caller cancels the function`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let events = Receiver<String>(router: router)
      let before = router.handlerCount
      let sender = events.sender
      // In a group, whose tasks stay on the broker: the default executor may be kept busy by other tests.
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await child.call(sender) { events in
            try events.post("begun")
            do { try await Task.sleep(for: .seconds(60)) } catch { try events.post("cancelled") }
          }
        }
        #expect(try await events.get(timeout: .seconds(20)) == "begun")
        group.cancelAll()
        do {
          try await group.next()
          Issue.record("not cancelled")
        } catch is CancellationError {}
      }
      #expect(try await events.get(timeout: .seconds(20)) == "cancelled")
      #expect(router.handlerCount == before)
      // A reply that nobody waits for any more cancels its call too.
      var reply: Receiver<Void>? = child.callAsync(sender) { events in
        try events.post("again")
        do { try await Task.sleep(for: .seconds(60)) } catch { try events.post("let go") }
      }
      #expect(try await events.get(timeout: .seconds(20)) == "again")
      reply?.close()
      reply = nil
      #expect(try await events.get(timeout: .seconds(20)) == "let go")
    }
  }

  @Test func `calls run side by side`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      // Each waits until all have begun: one after the other none would end.
      let begun = Receiver<Int>(router: router)
      let sender = begun.sender
      try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<100 {
          group.addTask {
            try await child.call(sender, number) { begun, number in
              guard let current = ExternalContext.current else { throw Opaque() }
              let go = Receiver<Int>(router: current.router, handle: Handle(rawValue: 500_000 + UInt32(number)))
              try begun.post(number)
              return try await go.get()
            }
          }
        }
        for _ in 0..<100 { _ = try await begun.get(timeout: .seconds(30)) }
        for number in 0..<100 {
          try Sender<Int>(context: child, handle: Handle(rawValue: 500_000 + UInt32(number))).post(number * 2)
        }
        var results: Set<Int> = []
        for try await result in group { results.insert(result) }
        #expect(results == Set((0..<100).map { $0 * 2 }))
      }
    }
  }

  @Test func `only so many run at once, and only so many wait`() async throws {
    let configuration = RouterConfiguration(maxConcurrentCalls: 2, maxQueuedCalls: 3)
    try await withRouter(configuration: configuration) { router in
      let child = try await router.local()
      let begun = Receiver<Int>(router: router)
      let replies = (0..<6).map { number in
        child.callAsync(begun.sender, number) { begun, number in
          guard let current = ExternalContext.current else { throw Opaque() }
          let go = Receiver<Int>(router: current.router, handle: Handle(rawValue: 500_000 + UInt32(number)))
          try begun.post(number)
          return try await go.get()
        }
      }
      let error = await #expect(throws: CallError.self) { try await replies[5].get(timeout: .seconds(20)) }
      #expect(error?.message.contains("3 calls wait") == true)
      #expect(begun.size <= 2)
      // Which of the two that run at once says so first is open; each other begins when one before it has ended.
      let first = [try await begun.get(timeout: .seconds(20)), try await begun.get(timeout: .seconds(20))]
      #expect(first.sorted() == [0, 1])
      for number in 0..<5 {
        try Sender<Int>(context: child, handle: Handle(rawValue: 500_000 + UInt32(number))).post(number)
        #expect(try await replies[number].get(timeout: .seconds(20)) == number)
        if number + 2 < 5 { #expect(try await begun.get(timeout: .seconds(20)) == number + 2) }
      }
    }
  }

  @Test func `a context that is gone, unknown or not to be called`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let sibling = try await router.local()
      let refused = await #expect(throws: CallError.self) {
        try await child.call(sibling) { sibling in try await sibling.call { 1 } }
      }
      #expect(refused?.message.contains("refused by policy") == true)
      let upwards = await #expect(throws: CallError.self) {
        try await child.call { try await ExternalContext.current?.master.call { 1 } }
      }
      #expect(upwards?.message.contains("invalid handle") == true)
      try await child.shutdown()
      let gone = await #expect(throws: ChannelError.self) { try await child.call { 1 } }
      #expect(gone?.reason == "no route to \(child.id), my ID is 0")
      let unknown = await #expect(throws: ChannelError.self) {
        try await router.context(ContextID(rawValue: 1234)).call { 1 }
      }
      #expect(unknown?.reason == "no route to 1234, my ID is 0")
    }
  }

  @Test func `what is too large is refused at both ends`() async throws {
    try await withRouter(configuration: RouterConfiguration(maxMessageSize: 65_536)) { router in
      let child = try await router.local()
      let sent = await #expect(throws: ChannelError.self) {
        try await child.call([UInt8](repeating: 0, count: 70_000)) { $0.count }
      }
      #expect(sent?.reason == "message too large (max 65536 bytes)")
      let received = await #expect(throws: ChannelError.self) {
        try await child.call { [UInt8](repeating: 0, count: 70_000) }
      }
      #expect(received?.reason == "message too large (max 65536 bytes)")
      let grandchild = try await router.local(via: child)
      await #expect(throws: ChannelError.self) { try await grandchild.call { [UInt8](repeating: 0, count: 70_000) } }
      #expect(try await child.call([UInt8](repeating: 0, count: 60_000)) { $0.count } == 60_000)
    }
  }

  @Test func `code that blocks its thread delays only itself`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      let clock = ContinuousClock()
      let begun = Receiver<Int>(router: router)
      async let blocked = child.call(begun.sender) { begun in
        var ends: (Int32, Int32) = (0, 0)
        let result = unsafe withUnsafeMutableBytes(of: &ends) {
          unsafe pipe($0.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        guard result == 0 else { throw Opaque() }
        try begun.post(Int(ends.1))
        var byte: UInt8 = 0
        return unsafe read(ends.0, &byte, 1)
      }
      let descriptor = try await begun.get(timeout: .seconds(20))
      var (worst, worstBeyond) = (Duration.zero, Duration.zero)
      for number in 0..<200 {
        let start = clock.now
        let result = try await child.call(number) { $0 }
        let middle = clock.now
        _ = try await grandchild.call { 1 }
        worst = max(worst, start.duration(to: middle))
        worstBeyond = max(worstBeyond, middle.duration(to: clock.now))
        #expect(result == number)
      }
      print("beside a blocked call: \(worst) at worst, through its context \(worstBeyond)")
      // All of them have returned while that one still blocks.
      #expect(worst < .seconds(1))
      #expect(worstBeyond < .seconds(1))
      try await child.call(descriptor) { descriptor in
        var byte: UInt8 = 1
        _ = unsafe write(Int32(descriptor), &byte, 1)
      }
      #expect(try await blocked == 1)
    }
  }
}
