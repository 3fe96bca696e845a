import AsyncMitogen
import Testing

@Suite(.timeLimit(.minutes(1)))
struct CallChainTests {
  @Test func `after a failure later calls fail with it until the reset`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let chain = CallChain(child)
      #expect(try await chain.call("xx") { $0 } == "xx")
      try chain.callNoReply { throw DiskFull(device: "x1") }
      let second = await #expect(throws: CallError.self) { try await chain.call { throw DiskFull(device: "x2") } }
      let third = await #expect(throws: CallError.self) { try await chain.call { 1 } }
      #expect(second?.thrown(as: DiskFull.self) == DiskFull(device: "x1"))
      #expect(second == third)
      try chain.reset()
      #expect(try await chain.call { 2 } == 2)
    }
  }

  @Test func `chains do not affect each other`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let (first, second) = (CallChain(child), CallChain(child))
      #expect(first.id != second.id)
      await #expect(throws: CallError.self) { try await first.call { throw Opaque() } }
      #expect(try await second.call { "yes" } == "yes")
      await #expect(throws: CallError.self) { try await first.call { 1 } }
      #expect(try await child.call { 3 } == 3)
      let loose = CallChain(child, pipelined: false)
      await #expect(throws: CallError.self) { try await loose.call { throw Opaque() } }
      #expect(try await loose.call { 4 } == 4)
    }
  }

  @Test func `pipelined calls run one after the other, in order`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let order = Receiver<Int>(router: router)
      let chain = CallChain(child)
      for number in 0..<50 {
        try chain.callNoReply(order.sender, number) { order, number in
          for _ in 0..<(number % 3) { await Task.yield() }
          try order.post(number)
        }
      }
      for number in 0..<50 { #expect(try await order.get(timeout: .seconds(20)) == number) }
    }
  }

  @Test func `arguments that cannot be read fail a chain too`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let chain = CallChain(child)
      await #expect(throws: CallError.self) { try await chain.call(Even(number: 1)) { $0.number } }
      await #expect(throws: CallError.self) { try await chain.call { 1 } }
    }
  }
}
