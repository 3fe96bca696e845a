import Testing

@testable import AsyncMitogen

/// The queue without tasks: waiters are names.
struct MessageQueueStateTests {
  typealias State = MessageQueueState<String>

  private func message(_ number: Int, size: Int = 0, replyTo: Handle = .none) -> Message {
    let digits = Array(String(number).utf8)
    return Message(
      source: 7, handle: 1000, replyTo: replyTo,
      payload: digits + Array(repeating: 0, count: max(0, size - digits.count - FlowControl.headerSize)))
  }

  private func text(_ message: Message) -> String {
    String(decoding: message.payload.filter { $0 != 0 }, as: UTF8.self)
  }

  /// What happened, in a form that can be compared.
  private func describe(_ delivery: State.Delivery) -> String {
    switch delivery {
    case .queued: "queued"
    case .handed(let waiter, _, let released): "handed to \(waiter)" + released.map { ", released \($0)" }.joined()
    case .refused: "refused"
    case .overrun(let flows): "overrun, \(flows.count) flows"
    }
  }

  private func describe(_ taking: State.Taking) -> String {
    switch taking {
    case .message(let message, _): text(message)
    case .ended(let end): "end: \(end.error)"
    case .empty: "empty"
    }
  }

  private func describe(_ poll: State.Poll) -> String {
    switch poll {
    case .message(let message, _, let hasMore, let isLast):
      text(message) + (hasMore ? ", more" : "") + (isLast ? ", last" : "")
    case .ended(let end): "end: \(end.error)"
    case .exhausted: "exhausted"
    case .empty: "empty"
    }
  }

  @Test func `messages come out in the order in which they came in`() {
    var state = State(contextID: 0)
    for number in 0..<20 { #expect(describe(state.deliver(message(number))) == "queued") }
    for number in 0..<20 { #expect(describe(state.take()) == "\(number)") }
    #expect(describe(state.take()) == "empty")
  }

  @Test func `waiters are served in the order in which they came`() {
    var state = State(contextID: 0)
    for (number, name) in ["a", "b", "c"].enumerated() { state.enter(name, ticket: Ticket(UInt64(number))) }
    #expect(state.leave(Ticket(1)) == "b")
    #expect(describe(state.deliver(message(1))) == "handed to a")
    #expect(describe(state.deliver(message(2))) == "handed to c")
    #expect(state.leave(Ticket(2)) == nil)
    #expect(describe(state.deliver(message(3))) == "queued")
  }

  @Test func `what is queued at the end comes before the end`() {
    var state = State(contextID: 0)
    _ = state.deliver(message(1))
    _ = state.close()
    #expect(describe(state.deliver(message(2))) == "refused")
    #expect(describe(state.take()) == "1")
    #expect(describe(state.take()) == "end: the Receiver has been closed")
    #expect(describe(state.take()) == "end: the Receiver has been closed")
    #expect(state.close().released.isEmpty)
  }

  @Test func `closing releases all who wait`() {
    var state = State(contextID: 0)
    for number in 0..<5 { state.enter("\(number)", ticket: Ticket(number)) }
    #expect(state.close().released == ["0", "1", "2", "3", "4"])
  }

  @Test func `a queue for one message is complete after it`() {
    var state = State(contextID: 0, persists: false)
    state.enter("a", ticket: Ticket(1))
    state.enter("b", ticket: Ticket(2))
    #expect(describe(state.deliver(message(1))) == "handed to a, released b")
    #expect(describe(state.take()) == "end: the Receiver's only message has been received")
    _ = state.close()
    #expect(describe(state.take()) == "end: the Receiver has been closed")
  }

  @Test func `a dead message does not end a queue`() {
    var state = State(contextID: 0)
    _ = state.deliver(.dead(DeadReason.senderClosed, source: 7))
    #expect(state.end == nil)
    #expect(describe(state.deliver(message(1))) == "queued")
  }

  @Test(arguments: [
    (reason: DeadReason.respondentDisconnected, source: ContextID(rawValue: 7), respondent: true, ends: true),
    (DeadReason.respondentDisconnected, 7, false, false), (DeadReason.respondentDisconnected, 0, false, true),
    (DeadReason.brokerExited, 0, false, true), (DeadReason.brokerExited, 7, false, false),
    (DeadReason.brokerExited, 7, true, false), ("invalid handle", 0, true, false),
  ])
  func `only a router's last word ends a queue`(
    reason: String, source: ContextID, respondent: Bool, ends: Bool
  ) {
    var state = State(contextID: 0, respondent: respondent ? 7 : nil)
    _ = state.deliver(.dead(reason, source: source))
    #expect((state.end != nil) == ends)
    #expect(state.count == 1)
  }

  @Test func `too many messages end a queue, and none of those before is lost`() {
    var state = State(contextID: 0, limit: QueueLimit(messages: 2))
    _ = state.deliver(message(1, replyTo: .firstFlow))
    _ = state.deliver(message(2))
    _ = state.deliver(message(3))
    #expect(describe(state.deliver(message(4))) == "overrun, 1 flows")
    #expect(describe(state.deliver(message(5))) == "refused")
    for number in 1...3 { #expect(describe(state.take()) == "\(number)") }
    #expect(describe(state.take()) == "end: the Receiver's limit of 2 messages, 268435456 bytes is exceeded")
  }

  @Test func `who keeps to its window does not count, who only says so does`() {
    var state = State(contextID: 0, limit: QueueLimit(messages: 1), flows: ReceivedFlows(window: 100))
    for source in UInt32(11)...60 {
      var message = message(Int(source), size: 60, replyTo: .firstFlow)
      message.source = ContextID(rawValue: source)
      #expect(describe(state.deliver(message)) == "queued")
      #expect(describe(state.deliver(message)) == "queued")
    }
    _ = state.deliver(message(1, size: 101, replyTo: .firstFlow))
    #expect(describe(state.deliver(message(2, replyTo: .firstFlow))) == "queued")
    #expect(describe(state.deliver(message(3, replyTo: .firstFlow))) == "overrun, 51 flows")
  }

  @Test func `room that was taken is given back`() {
    var state = State(contextID: 0, limit: QueueLimit(messages: 1), flows: ReceivedFlows(window: 100))
    for number in 0..<1000 {
      #expect(describe(state.deliver(message(number, size: 200, replyTo: .firstFlow))) == "queued")
      #expect(describe(state.deliver(message(number, size: 200, replyTo: .firstFlow))) == "queued")
      #expect(describe(state.take()) == "\(number)")
      #expect(describe(state.take()) == "\(number)")
    }
  }

  @Test func `too many bytes end a queue, but one message always has room`() {
    var state = State(contextID: 0, limit: QueueLimit(bytes: 100))
    #expect(describe(state.deliver(message(1, size: 500))) == "queued")
    #expect(describe(state.take()) == "1")
    #expect(describe(state.deliver(message(2, size: 60))) == "queued")
    #expect(describe(state.deliver(message(3, size: 40))) == "queued")
    #expect(describe(state.deliver(message(4))).hasPrefix("overrun"))
  }

  @Test func `an unbounded queue counts without overflow`() {
    var state = State(contextID: 0, limit: .unbounded)
    for number in 0..<100 { #expect(describe(state.deliver(message(number, size: 1000))) == "queued") }
  }

  @Test func `a Select sees messages, then what ended them, once`() {
    var state = State(contextID: 0)
    let isReady = state.attach()
    #expect(!isReady)
    #expect(describe(state.poll()) == "empty")
    _ = state.deliver(message(1))
    _ = state.deliver(message(2))
    _ = state.close()
    #expect(describe(state.poll()) == "1, more")
    #expect(describe(state.poll()) == "2, more")
    #expect(describe(state.poll()) == "end: the Receiver has been closed")
    #expect(describe(state.poll()) == "exhausted")
  }

  @Test func `a Select sees the only message of a queue for one, and no end after it`() {
    var state = State(contextID: 0, persists: false)
    _ = state.attach()
    _ = state.deliver(message(1))
    #expect(describe(state.poll()) == "1, last")
    #expect(describe(state.poll()) == "exhausted")
  }

  @Test func `a Select sees that a queue had ended before it was added`() {
    var state = State(contextID: 0, persists: false)
    _ = state.deliver(message(1))
    _ = state.take()
    let isReady = state.attach()
    #expect(isReady)
    #expect(describe(state.poll()) == "end: the Receiver's only message has been received")
    #expect(describe(state.poll()) == "exhausted")
  }

  @Test func `nothing is lost or doubled in any order of arriving, waiting, leaving and closing`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var state = State(contextID: 0)
      var sent = 0
      var received: [Int] = []
      var waiting: [UInt64: String] = [:]
      for step in 0..<UInt64(60) {
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<3:
          let delivery = state.deliver(message(sent))
          if case .handed(let waiter, _, _) = delivery {
            #expect(waiting.removeValue(forKey: UInt64(waiter) ?? .max) != nil)
            received.append(sent)
          }
          sent += 1
        case 3..<6:
          switch state.take() {
          case .message(let message, _): received.append(Int(text(message)) ?? -1)
          case .empty:
            state.enter("\(step)", ticket: Ticket(step))
            waiting[step] = "\(step)"
          case .ended: Issue.record("not ended")
          }
        default:
          guard let leaving = waiting.keys.randomElement(using: &random) else { continue }
          #expect(state.leave(Ticket(leaving)) == waiting.removeValue(forKey: leaving))
        }
        #expect(state.count == 0 || state.waiterCount == 0)
        #expect(state.waiterCount == waiting.count)
      }
      #expect(Set(state.close().released) == Set(waiting.values))
      while case .message(let message, _) = state.take() { received.append(Int(text(message)) ?? -1) }
      #expect(received == Array(0..<sent))
    }
  }
}

extension Ticket {
  fileprivate init(_ number: Int) { self.init(UInt64(number)) }
}
