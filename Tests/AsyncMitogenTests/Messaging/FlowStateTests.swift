import Testing

@testable import AsyncMitogen

/// Windows without messages and tasks.
struct FlowStateTests {
  private func describe(_ admission: FlowState<String>.Admission) -> String {
    switch admission {
    case .granted: "granted"
    case .full(let asks): asks ? "full, asks" : "full"
    case .failed(let error): "failed: \(error)"
    }
  }

  @Test func `a window has room until more than it is outstanding`() {
    var state = FlowState<String>(window: 100, peerAcknowledges: true)
    #expect(describe(state.admit(100)) == "granted")
    #expect(describe(state.admit(50)) == "granted")
    #expect(describe(state.admit(1)) == "full")
    #expect(state.acknowledge(49).isEmpty)
    #expect(describe(state.admit(1)) == "full")
    #expect(state.acknowledge(50).isEmpty)
    #expect(describe(state.admit(1)) == "granted")
  }

  @Test func `those who wait send in order, and nobody overtakes them`() {
    var state = FlowState<String>(window: 100, peerAcknowledges: true)
    _ = state.admit(200)
    for (number, name) in ["a", "b", "c"].enumerated() {
      #expect(describe(state.admit(80)) == "full")
      state.enter(name, size: 80, ticket: Ticket(UInt64(number)))
    }
    #expect(state.leave(Ticket(1)) == "b")
    #expect(state.acknowledge(100) == ["a"])
    #expect(state.outstanding == 180)
    #expect(describe(state.admit(1)) == "full")
    #expect(state.acknowledge(200) == ["c"])
    #expect(state.outstanding == 160)
  }

  @Test func `the other side is asked about once, before the first wait`() {
    var state = FlowState<String>(window: 10)
    #expect(describe(state.admit(20)) == "granted")
    #expect(describe(state.admit(20)) == "full, asks")
    state.enter("a", size: 20, ticket: Ticket(1))
    #expect(describe(state.admit(20)) == "full")
    #expect(state.answer(true).isEmpty)
    #expect(state.acknowledge(20) == ["a"])
    #expect(state.answer(false).isEmpty)
    #expect(describe(state.admit(20)) == "full")
  }

  @Test func `who never acknowledges is not waited for`() {
    var state = FlowState<String>(window: 10)
    _ = state.admit(20)
    _ = state.admit(20)
    state.enter("a", size: 20, ticket: Ticket(1))
    state.enter("b", size: 20, ticket: Ticket(2))
    #expect(state.answer(false) == ["a", "b"])
    #expect(describe(state.admit(1_000_000)) == "granted")
    #expect(describe(state.admit(1_000_000)) == "granted")
  }

  @Test func `an acknowledgement answers the question`() {
    var state = FlowState<String>(window: 10)
    _ = state.admit(20)
    #expect(state.acknowledge(1).isEmpty)
    #expect(describe(state.admit(1)) == "full")
  }

  @Test(arguments: [UInt64(201), .max]) func `a peer cannot acknowledge what was not sent`(total: UInt64) {
    var state = FlowState<String>(window: 100, peerAcknowledges: true)
    _ = state.admit(200)
    #expect(state.acknowledge(total).isEmpty)
    #expect(state.outstanding == 200)
    _ = state.acknowledge(150)
    #expect(state.acknowledge(100).isEmpty)
    #expect(state.outstanding == 50)
  }

  @Test func `a failure is for all, and for ever`() throws {
    var state = FlowState<String>(window: 10, peerAcknowledges: true)
    _ = state.admit(20)
    state.enter("a", size: 20, ticket: Ticket(1))
    #expect(state.fail(ChannelError("invalid handle")) == ["a"])
    #expect(state.fail(ChannelError("another")).isEmpty)
    #expect(describe(state.admit(1)) == "failed: invalid handle")
    #expect(throws: ChannelError("invalid handle")) { try state.force(1) }
  }

  @Test func `what is forced counts`() throws {
    var state = FlowState<String>(window: 10, peerAcknowledges: true)
    try state.force(20)
    try state.force(20)
    #expect(describe(state.admit(1)) == "full")
    #expect(state.outstanding == 40)
  }
}

struct ReceivedFlowsTests {
  private func key(_ source: UInt32, _ number: UInt32) -> FlowKey {
    FlowKey(source: ContextID(rawValue: source), replyTo: Handle(rawValue: Handle.firstFlow.rawValue + number))
  }

  @Test func `a sender hears each half window`() {
    var flows = ReceivedFlows(window: 100)
    #expect(flows.consume(key(1, 0), bytes: 49) == nil)
    #expect(flows.consume(key(1, 0), bytes: 1)?.acknowledgement?.total == 50)
    #expect(flows.consume(key(1, 0), bytes: 49) == nil)
    #expect(flows.consume(key(1, 0), bytes: 500)?.acknowledgement?.total == 599)
  }

  @Test func `flows are counted apart`() {
    var flows = ReceivedFlows(window: 100)
    for _ in 0..<4 {
      for source in UInt32(1)...3 { #expect(flows.consume(key(source, 0), bytes: 10) == nil) }
    }
    #expect(flows.consume(key(2, 0), bytes: 10)?.acknowledgement == .init(flow: key(2, 0), total: 50))
  }

  @Test func `a context with too many flows loses its own oldest`() {
    var flows = ReceivedFlows(capacity: 3, window: 100)
    _ = flows.consume(key(1, 0), bytes: 1)
    _ = flows.consume(key(2, 0), bytes: 1)
    _ = flows.consume(key(2, 1), bytes: 1)
    _ = flows.consume(key(2, 0), bytes: 1)
    #expect(flows.consume(key(2, 2), bytes: 1)?.forgotten == key(2, 1))
    #expect(flows.consume(key(2, 3), bytes: 99)?.forgotten == key(2, 0))
    #expect(Set(flows.keys) == [key(1, 0), key(2, 2), key(2, 3)])
    // Only a context that has none yet takes from others.
    #expect(flows.consume(key(3, 0), bytes: 1)?.forgotten == key(1, 0))
  }

  @Test func `a window never closes for good`() {
    // Whatever the sizes, when all that was sent is consumed, a sender that waited may send.
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var sender = FlowState<String>(window: 1000, peerAcknowledges: true)
      var receiver = ReceivedFlows(window: 1000)
      for _ in 0..<100 {
        var sizes: [Int] = []
        var size = Int.random(in: 26...1500, using: &random)
        while case .granted = sender.admit(size) {
          sizes.append(size)
          size = Int.random(in: 26...1500, using: &random)
        }
        #expect(!sizes.isEmpty)
        for size in sizes {
          if let total = receiver.consume(key(1, 0), bytes: size)?.acknowledgement?.total {
            _ = sender.acknowledge(total)
          }
        }
      }
    }
  }
}
