import Testing

@testable import AsyncMitogen

@Suite(.timeLimit(.minutes(1)))
struct ReceiverTests {
  let port = TestPort()

  // MARK: Getting

  @Test func `a new receiver is empty`() {
    #expect(Receiver<Int>(port).size == 0)
  }

  @Test func `what arrives is counted`() throws {
    let receiver = Receiver<Int>(port)
    try receiver.feed(1, 2)
    #expect(receiver.size == 2)
  }

  @Test func `nothing of no use is not nothing`() async throws {
    let coder = ElementCoder<Int?>(
      encode: { number in (.binary, number.map { Array(String($0).utf8) } ?? []) },
      decode: { Int(String(decoding: $0.payload, as: UTF8.self)) })
    let receiver = Receiver<Int?>(port: port, coder: coder)
    try receiver.sender.post(nil)
    #expect(receiver.size == 1)
    #expect(try await receiver.get() == nil)
  }

  @Test(arguments: [nil, Duration.zero, .seconds(-1), .seconds(5)])
  func `what is there is returned, whatever the timeout`(timeout: Duration?) async throws {
    let receiver = Receiver<Int>(port)
    try receiver.feed(7)
    #expect(try await receiver.get(timeout: timeout) == 7)
    #expect(port.timerCount == 0)
  }

  @Test(arguments: [Duration.zero, .seconds(-1)])
  func `without a timeout to wait for, an empty receiver throws at once`(timeout: Duration) async {
    let receiver = Receiver<Int>(port)
    await #expect(throws: TimeoutError.self) { try await receiver.get(timeout: timeout) }
  }

  @Test func `waiting ends when its time is over, and not before`() async throws {
    let receiver = Receiver<Int>(port)
    let waiter = Task { try await receiver.get(timeout: .seconds(3)) }
    try await eventually { receiver.core.queue.waiterCount == 1 }
    port.advance(by: .seconds(2))
    #expect(receiver.core.queue.waiterCount == 1)
    port.advance(by: .seconds(1))
    await #expect(throws: TimeoutError("waiting for a message", timeout: .seconds(3))) { try await waiter.value }
    try receiver.feed(1)
    #expect(receiver.size == 1)
  }

  @Test func `a waiting task is woken, and its timer stopped`() async throws {
    let receiver = Receiver<Int>(port)
    let waiter = Task { try await receiver.get(timeout: .seconds(3)) }
    try await eventually { receiver.core.queue.waiterCount == 1 }
    try receiver.feed(7)
    #expect(try await waiter.value == 7)
    #expect(port.timerCount == 0)
  }

  @Test func `five tasks get five elements, in the order in which they came to wait`() async throws {
    let receiver = Receiver<Int>(port)
    var waiters: [Task<Int, any Error>] = []
    for number in 1...5 {
      waiters.append(Task { try await receiver.get() })
      try await eventually { receiver.core.queue.waiterCount == number }
    }
    try receiver.feed(1, 2, 3, 4, 5)
    for number in 1...5 { #expect(try await waiters[number - 1].value == number) }
  }

  @Test func `an element that cannot be decoded is one failure`() async throws {
    let receiver = Receiver<Int>(port)
    port.deliver(Message(handle: try #require(receiver.handle), payload: Array("seven".utf8)))
    try receiver.feed(8)
    await #expect(throws: StreamError.self) { try await receiver.get() }
    #expect(try await receiver.get() == 8)
  }

  // MARK: Cancellation

  @Test func `a cancelled wait ends, and the element goes to the next`() async throws {
    let receiver = Receiver<Int>(port)
    let first = Task { try await receiver.get() }
    try await eventually { receiver.core.queue.waiterCount == 1 }
    let second = Task { try await receiver.get() }
    try await eventually { receiver.core.queue.waiterCount == 2 }
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    try receiver.feed(1)
    #expect(try await second.value == 1)
  }

  @Test func `a task that is cancelled already takes what is there, but does not wait`() async throws {
    let receiver = Receiver<Int>(port)
    try receiver.feed(1)
    let task = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      let element = try await receiver.get()
      await #expect(throws: CancellationError.self) { try await receiver.get() }
      return element
    }
    #expect(try await task.value == 1)
    #expect(receiver.core.queue.waiterCount == 0)
  }

  // MARK: Ends

  @Test(arguments: [nil, Duration.zero]) func `a closed receiver throws`(timeout: Duration?) async {
    let receiver = Receiver<Int>(port)
    receiver.close()
    await #expect(throws: ChannelError("the Receiver has been closed")) { try await receiver.get(timeout: timeout) }
  }

  @Test func `what came before closing is still there`() async throws {
    let receiver = Receiver<Int>(port)
    try receiver.feed(1, 2)
    receiver.close()
    #expect(receiver.size == 2)
    #expect(try await receiver.get(timeout: .zero) == 1)
    #expect(try await receiver.get() == 2)
    await #expect(throws: ChannelError("the Receiver has been closed")) { try await receiver.get() }
  }

  @Test(arguments: [1, 5]) func `closing wakes all who wait`(count: Int) async throws {
    let receiver = Receiver<Int>(port)
    let waiters = (0..<count).map { _ in Task { try await receiver.get() } }
    try await eventually { receiver.core.queue.waiterCount == count }
    receiver.close()
    for waiter in waiters {
      await #expect(throws: ChannelError("the Receiver has been closed")) { try await waiter.value }
    }
  }

  @Test func `closing twice is closing`() {
    let receiver = Receiver<Int>(port)
    let handle = receiver.handle
    receiver.close()
    receiver.close()
    #expect(receiver.handle == nil)
    #expect(handle.map { port.handles.contains($0) } == false)
  }

  @Test func `what arrives after closing is refused, and its sender hears that`() async throws {
    let receiver = Receiver<Int>(port)
    let queue = receiver.core.queue
    receiver.close()
    let replies = Receiver<Int>(port)
    queue.deliver(Message(source: 0, handle: receiver.core.handle, replyTo: try #require(replies.handle)))
    await #expect(throws: ChannelError("the Receiver has been closed", context: nil)) { try await replies.get() }
    #expect(receiver.size == 0)
  }

  @Test func `a dead message is one failure, for one task`() async throws {
    let receiver = Receiver<Int>(port)
    let waiters = [Task { try await receiver.get() }, Task { try await receiver.get() }]
    try await eventually { receiver.core.queue.waiterCount == 2 }
    try receiver.feedDead("no such thing", from: 4)
    try await eventually { receiver.core.queue.waiterCount == 1 }
    try receiver.feed(7)
    var results: [String] = []
    for waiter in waiters {
      do { results.append("\(try await waiter.value)") } catch { results.append("\(error)") }
    }
    #expect(results.sorted() == ["7", "no such thing"])
  }

  @Test(arguments: [
    (reason: "Sender was explicitly closed", source: ContextID(rawValue: 4), text: "Sender was explicitly closed"),
    ("", 4, "Channel closed by remote end."), ("", 0, "Channel closed by local end."),
  ])
  func `a dead message says why`(reason: String, source: ContextID, text: String) async throws {
    let receiver = Receiver<Int>(port)
    try receiver.feedDead(reason, from: source)
    await #expect(throws: ChannelError(text, context: source == 0 ? nil : source)) { try await receiver.get() }
  }

  @Test func `who waits hears that the sender was closed`() async throws {
    let receiver = Receiver<Int>(port)
    let waiter = Task { try await receiver.get() }
    try await eventually { receiver.core.queue.waiterCount == 1 }
    receiver.sender.close()
    await #expect(throws: ChannelError("Sender was explicitly closed")) { try await waiter.value }
  }

  @Test func `a receiver for one message is done after it`() async throws {
    let receiver = Receiver<Int>(port, persist: false)
    try receiver.feed(1)
    #expect(receiver.handle == nil)
    #expect(try await receiver.get() == 1)
    await #expect(throws: ChannelError("the Receiver's only message has been received")) { try await receiver.get() }
    receiver.close()
    await #expect(throws: ChannelError("the Receiver has been closed")) { try await receiver.get() }
  }

  @Test func `who waits in vain for a second reply is told so`() async throws {
    let receiver = Receiver<Int>(port, persist: false)
    let waiters = [Task { try await receiver.get() }, Task { try await receiver.get() }]
    try await eventually { receiver.core.queue.waiterCount == 2 }
    try receiver.feed(1)
    var failures = 0
    for waiter in waiters { if case .failure = await waiter.result { failures += 1 } }
    #expect(failures == 1)
  }

  @Test func `a lost respondent is said once as a message, then always`() async throws {
    let receiver = Receiver<Int>(port, respondent: 4)
    try receiver.feed(1, from: 4)
    port.lose(4)
    let lost = ChannelError("the respondent Context has disconnected", context: 4)
    #expect(receiver.handle == nil)
    #expect(try await receiver.get() == 1)
    await #expect(throws: lost) { try await receiver.get() }
    await #expect(throws: lost) { try await receiver.get() }
  }

  @Test func `a taken handle is said by waiting`() async throws {
    let receiver = Receiver<Int>(port: port, handle: 5000, coder: decimal)
    let other = Receiver<Int>(port: port, handle: 5000, coder: decimal)
    #expect(receiver.handle == 5000)
    #expect(other.handle == nil)
    await #expect(throws: StreamError.self) { try await other.get() }
    other.close()
    #expect(port.handles == [5000])
    let third = Receiver<Int>(port: port, handle: 5000, overwrite: true, coder: decimal)
    #expect(third.handle == 5000)
  }

  // MARK: Limits

  @Test func `a flood ends the receiver, after what it held`() async throws {
    let receiver = Receiver<Int>(port, limit: QueueLimit(messages: 3))
    try receiver.feed(1, 2, 3)
    let handle = try #require(receiver.handle)
    try receiver.feed(4)
    #expect(receiver.handle == nil)
    #expect(!port.handles.contains(handle))
    for number in 1...3 { #expect(try await receiver.get() == number) }
    do {
      _ = try await receiver.get()
      Issue.record("there is a fourth")
    } catch let error as ChannelError {
      #expect(error.reason.contains("limit of 3 messages"))
    }
  }

  // MARK: Iteration

  @Test func `iteration ends where the sender was closed, and can begin again`() async throws {
    let receiver = Receiver<Int>(port)
    for round in 0..<2 {
      for number in 0..<5 { try receiver.feed(number + round) }
      receiver.sender.close()
      var seen: [Int] = []
      for try await element in receiver { seen.append(element) }
      #expect(seen == Array(round..<round + 5))
    }
  }

  @Test func `iteration ends where the receiver was closed, after what came before`() async throws {
    let receiver = Receiver<Int>(port)
    let reader = Task {
      var seen: [Int] = []
      for try await element in receiver { seen.append(element) }
      return seen
    }
    try receiver.feed(1)
    try await eventually { receiver.core.queue.waiterCount == 1 }
    try receiver.feed(2)
    receiver.close()
    #expect(try await reader.value == [1, 2])
  }

  @Test func `loss is not mistaken for the end`() async throws {
    for reason in ["", "invalid handle", DeadReason.respondentDisconnected] {
      let receiver = Receiver<Int>(port)
      try receiver.feed(1)
      try receiver.feedDead(reason, from: 4)
      var iterator = receiver.makeAsyncIterator()
      #expect(try await iterator.next(isolation: nil) == 1)
      do {
        _ = try await iterator.next(isolation: nil)
        Issue.record("\(reason) looks like the end")
      } catch { #expect(error is ChannelError) }
      #expect(try await iterator.next(isolation: nil) == nil)
    }
  }

  @Test func `an iterator that has ended stays so`() async throws {
    let receiver = Receiver<Int>(port)
    try receiver.feedDead(DeadReason.senderClosed)
    var iterator = receiver.makeAsyncIterator()
    #expect(try await iterator.next(isolation: nil) == nil)
    try receiver.feed(1)
    #expect(try await iterator.next(isolation: nil) == nil)
    #expect(receiver.size == 1)
  }

  @Test func `iterating stays on its actor`() async throws {
    actor Reader {
      var sum = 0
      func read(_ receiver: Receiver<Int>) async throws {
        for try await element in receiver { sum += element }
      }
    }
    let receiver = Receiver<Int>(port)
    let reader = Reader()
    let reading = Task { try await reader.read(receiver) }
    for number in 1...100 { try receiver.feed(number) }
    receiver.sender.close()
    try await reading.value
    #expect(await reader.sum == 5050)
  }

  @Test func `a stream of a receiver is its elements`() async throws {
    let receiver = Receiver<Int>(port)
    try receiver.feed(1, 2, 3)
    receiver.close()
    var seen: [Int] = []
    for try await element in receiver.stream { seen.append(element) }
    #expect(seen == [1, 2, 3])
  }

  // MARK: Identity and addresses

  @Test func `a receiver has a handle of its own, and its sender is of this context`() throws {
    let port = TestPort(3)
    let receiver = Receiver<Int>(port)
    #expect(try #require(receiver.handle) > 100)
    #expect(receiver.sender.contextID == 3)
    #expect(receiver.sender.handle == receiver.handle)
  }

  @Test func `copies are equal, others are not`() {
    let receiver = Receiver<Int>(port)
    let copy = receiver
    #expect(receiver == copy)
    #expect(Set([receiver, copy, Receiver<Int>(port)]).count == 2)
  }

  // MARK: Letting go

  @Test func `the last copy unregisters the handle`() throws {
    var receiver: Receiver<Int>? = Receiver(port)
    weak let core = receiver?.core
    weak let queue = receiver?.core.queue
    let sender = receiver?.sender
    var copy = receiver
    receiver = nil
    #expect(port.handles.count == 1)
    #expect(copy != nil)
    copy = nil
    #expect(port.handles.isEmpty)
    #expect(core == nil)
    #expect(queue == nil)
    #expect(sender != nil)
  }

  @Test func `a waiting task keeps its receiver`() async throws {
    let waiter = Task { [port] in try await Receiver<Int>(port).get() }
    try await eventually { port.handles.count == 1 }
    let handle = try #require(port.handles.first)
    port.deliver(Message(handle: handle, payload: Array("7".utf8)))
    #expect(try await waiter.value == 7)
    try await eventually { port.handles.isEmpty }
  }
}
