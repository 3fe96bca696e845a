import Testing

@testable import AsyncMitogen

/// Members that fail, and members that come and go while somebody iterates.
@Suite(.timeLimit(.minutes(1)))
struct SelectIterationTests {
  let port = TestPort()

  private func receiver(_ numbers: Int...) throws -> Receiver<Int> {
    let receiver = Receiver<Int>(port)
    for number in numbers { try receiver.feed(number) }
    return receiver
  }

  private func elements(of select: Select<Int>) async throws -> [Int] {
    var elements: [Int] = []
    for try await event in select { elements.append(try event.value) }
    return elements
  }

  // MARK: Failures

  @Test func `a failure is in its event, and iteration goes on`() async throws {
    let failed = try receiver()
    try failed.feedDead("no route to 4, my ID is 0", from: 4)
    let garbled = try receiver()
    port.deliver(Message(handle: try #require(garbled.handle), payload: [0xff]))
    var values: [Int] = []
    var failures: [any Error] = []
    for try await event in Select([failed, garbled, try receiver(1)]) {
      do { values.append(try event.value) } catch { failures.append(error) }
    }
    #expect(values == [1])
    #expect(failures.count == 2)
    #expect(failures.first as? ChannelError == ChannelError("no route to 4, my ID is 0", context: 4))
  }

  @Test(arguments: [true, false]) func `a member that is closed shows that once, and leaves`(oneshot: Bool) async throws
  {
    let receiver = try receiver()
    let select = Select([receiver], oneshot: oneshot)
    let waiter = Task { try await select.nextEvent() }
    try await eventually { select.core.waiterCount == 1 }
    receiver.close()
    let event = try await waiter.value
    #expect(event.receiver == receiver)
    #expect(throws: ChannelError("the Receiver has been closed")) { try event.value }
    #expect(!select.hasMembers)
  }

  @Test func `a member that was closed before shows what it held, then that`() async throws {
    let receiver = try receiver(1, 2)
    receiver.close()
    let select = Select([receiver], oneshot: false)
    #expect(!select.isEmpty)
    #expect(try await select.get() == 1)
    #expect(try await select.get() == 2)
    await #expect(throws: ChannelError.self) { try await select.get() }
    await #expect(throws: SelectError.empty) { try await select.get() }
  }

  @Test func `replies leave a Select that keeps its members when they are read`() async throws {
    let replies = (0..<3).map { _ in Receiver<Int>(port, persist: false) }
    let select = Select(replies, oneshot: false)
    for (number, reply) in replies.enumerated() { try reply.feed(number) }
    #expect(try await elements(of: select) == [0, 1, 2])
  }

  @Test func `a reply that somebody else waited for leaves too`() async throws {
    let reply = Receiver<Int>(port, persist: false)
    let select = Select([reply])
    let direct = Task { try await reply.get() }
    try await eventually { reply.core.queue.waiterCount == 1 }
    let reader = Task { try await elements(of: select) }
    try await eventually { select.core.waiterCount == 1 }
    try reply.feed(1)
    #expect(try await direct.value == 1)
    #expect(try await reader.value == [])
  }

  @Test func `all is each one's element, or the first failure`() async throws {
    #expect(try await Select.all([try receiver(1), try receiver(2)]) == [1, 2])
    #expect(try await Select<Int>.all([]) == [])
    let failed = try receiver()
    try failed.feedDead("gone", from: 4)
    let other = try receiver(1)
    await #expect(throws: ChannelError("gone", context: 4)) { try await Select.all([failed, other]) }
    try Select<Int>().add(other)
    #expect(other.size == 1)
  }

  // MARK: During an iteration

  @Test func `adding wakes who iterates`() async throws {
    let select = Select([try receiver()])
    let reader = Task { try await select.get() }
    try await eventually { select.core.waiterCount == 1 }
    try select.add(try receiver(7))
    #expect(try await reader.value == 7)
  }

  @Test func `members can be added by the body of the loop`() async throws {
    let select = Select([try receiver(3)])
    var seen: [Int] = []
    for try await event in select {
      let number = try event.value
      seen.append(number)
      if number > 0 { try select.add(try receiver(number - 1)) }
    }
    #expect(seen == [3, 2, 1, 0])
  }

  @Test func `removing the last member ends an iteration`() async throws {
    let receiver = try receiver()
    let select = Select([receiver])
    let reader = Task { try await elements(of: select) }
    let getter = Task { try await select.get() }
    try await eventually { select.core.waiterCount == 2 }
    try select.remove(receiver)
    #expect(try await reader.value == [])
    await #expect(throws: SelectError.empty) { try await getter.value }
  }

  @Test func `cancelling ends an iteration, and loses nothing`() async throws {
    let receiver = try receiver()
    let select = Select([receiver])
    let reader = Task { try await elements(of: select) }
    try await eventually { select.core.waiterCount == 1 }
    reader.cancel()
    await #expect(throws: CancellationError.self) { try await reader.value }
    try receiver.feed(1)
    #expect(try await select.get() == 1)
  }

  @Test func `a thousand receivers are gathered by two tasks`() async throws {
    let receivers = (0..<1000).map { _ in Receiver<Int>(port, persist: false) }
    let select = Select(receivers)
    let readers = (0..<2).map { _ in Task { try await elements(of: select) } }
    for (number, receiver) in receivers.enumerated() { try receiver.feed(number) }
    var seen: [Int] = []
    for reader in readers { seen += try await reader.value }
    #expect(seen.sorted() == Array(0..<1000))
    #expect(!select.hasMembers)
  }
}
