import Testing

@testable import AsyncMitogen

@Suite(.timeLimit(.minutes(1)))
struct SelectTests {
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

  // MARK: Members

  @Test func `a Select has members until the last has shown its element`() async throws {
    let select = Select<Int>()
    #expect(!select.hasMembers)
    let receiver = try receiver()
    try select.add(receiver)
    #expect(select.hasMembers)
    try receiver.feed(123)
    #expect(select.hasMembers)
    #expect(try await select.get() == 123)
    #expect(!select.hasMembers)
  }

  @Test func `a Select cannot be a member of itself`() throws {
    let select = Select<Int>()
    #expect(throws: SelectError.cycle) { try select.add(select) }
    #expect(!select.hasMembers)
    #expect(SelectError.cycle.description == "Adding this Select instance would create a Select cycle")
  }

  @Test func `a Select cannot be a member of itself through others`() throws {
    let selects = (0..<3).map { _ in Select<Int>() }
    try selects[0].add(selects[1])
    try selects[1].add(selects[2])
    #expect(throws: SelectError.cycle) { try selects[2].add(selects[0]) }
    #expect(!selects[2].hasMembers)
  }

  @Test func `a receiver has one owner`() throws {
    let select = Select<Int>()
    let other = Select<Int>()
    let receiver = try receiver()
    try select.add(receiver)
    #expect(throws: SelectError.owned) { try select.add(receiver) }
    #expect(throws: SelectError.owned) { try other.add(receiver) }
    #expect(!other.hasMembers)
    try select.remove(receiver)
    #expect(!select.hasMembers)
    try other.add(receiver)
    #expect(SelectError.owned.description == "Cannot add: Receiver is already owned by another Select")
  }

  @Test func `a Select has one owner`() throws {
    let select = Select<Int>()
    let other = Select<Int>()
    let member = Select<Int>()
    try select.add(member)
    #expect(throws: SelectError.owned) { try select.add(member) }
    #expect(throws: SelectError.owned) { try other.add(member) }
    #expect(!other.hasMembers)
    try select.remove(member)
    try other.add(member)
  }

  @Test func `a Select of receivers that it cannot have is a failure, and takes none`() async throws {
    let receiver = try receiver()
    let select = Select([receiver, receiver])
    await #expect(throws: SelectError.owned) { try await select.get() }
    await #expect(throws: SelectError.owned) { try await elements(of: select) }
    #expect(!select.hasMembers)
    try Select<Int>().add(receiver)
  }

  @Test func `what is not a member cannot be removed`() throws {
    let receiver = try receiver()
    let select = Select<Int>()
    #expect(throws: SelectError.notMember) { try select.remove(receiver) }
    #expect(throws: SelectError.notMember) { try select.remove(Select<Int>()) }
    try select.add(try self.receiver())
    let owner = Select([receiver])
    #expect(throws: SelectError.notMember) { try select.remove(receiver) }
    #expect(owner.hasMembers)
    #expect(SelectError.notMember.description == "Instance is not a member of this Select")
  }

  @Test func `removing loses nothing`() async throws {
    for oneshot in [true, false] {
      let busy = try receiver(1, 2)
      let idle = try receiver()
      let select = Select([busy, idle], oneshot: oneshot)
      try select.remove(busy)
      await #expect(throws: TimeoutError.self) { try await select.get(timeout: .zero) }
      #expect(busy.size == 2)
      try Select<Int>().add(busy)
      #expect(try await busy.get() == 1)
    }
  }

  @Test func `a channel is a member by its receiver`() async throws {
    let channel = Channel(
      port: port, contextID: 4, destinationHandle: 123, incoming: decimal, outgoing: decimal)
    let select = Select([channel.receiver])
    #expect(select.hasMembers)
    #expect(throws: SelectError.owned) { try Select<Int>().add(channel.receiver) }
    try channel.receiver.feed(7, from: 4)
    let event = try await select.nextEvent()
    #expect(event.receiver == channel.receiver && event.contextID == 4)
    #expect(try event.value == 7)
    #expect(!select.hasMembers)
  }

  // MARK: Closing

  @Test func `closing a Select releases its members, and leaves them open`() async throws {
    let receiver = try receiver(1)
    let select = Select([receiver])
    select.close()
    select.close()
    #expect(!select.hasMembers)
    #expect(try await receiver.get() == 1)
    #expect(throws: LatchError.self) { try select.add(receiver) }
    await #expect(throws: LatchError.self) { try await select.get() }
    #expect(try await elements(of: select) == [])
    try Select<Int>().add(receiver)
    Select<Int>().close()
  }

  @Test func `closing a Select releases a member that is one, with all of its own`() throws {
    let receiver = try receiver(1)
    let inner = Select([receiver])
    let outer = Select<Int>()
    try outer.add(inner)
    outer.close()
    #expect(inner.hasMembers)
    try Select<Int>().add(inner)
    inner.close()
    #expect(!inner.hasMembers)
  }

  @Test func `closing ends waits and iterations`() async throws {
    let select = Select([try receiver()])
    let getter = Task { try await select.get() }
    let reader = Task { try await elements(of: select) }
    try await eventually { select.core.waiterCount == 2 }
    select.close()
    await #expect(throws: LatchError.self) { try await getter.value }
    #expect(try await reader.value == [])
  }

  @Test func `a Select that is gone owns nothing`() throws {
    let receiver = try receiver(1)
    weak var core: SelectCore?
    do {
      let select = Select([receiver])
      core = select.core
      #expect(throws: SelectError.owned) { try Select<Int>().add(receiver) }
      _ = consume select
    }
    #expect(core == nil)
    try Select<Int>().add(receiver)
  }

  @Test func `a Select holds its members`() throws {
    weak var core: ReceiverCore?
    do {
      let select = Select([try receiver(1)])
      core = try #require(port.handles.count == 1 ? select.core : nil).firstReceiver
      #expect(core != nil)
      withExtendedLifetime(select) {}
    }
    #expect(core == nil)
    #expect(port.handles.isEmpty)
  }

  // MARK: Emptiness

  @Test func `empty is a Select whose members have nothing to show`() throws {
    #expect(Select<Int>().isEmpty)
    let receiver = try receiver()
    let select = Select([receiver])
    #expect(select.isEmpty)
    try receiver.feed(1, 2)
    #expect(!select.isEmpty)
    #expect(select.size == 2)
    #expect(!Select([try self.receiver(1)]).isEmpty)
    let outer = Select<Int>()
    try outer.add(select)
    #expect(!outer.isEmpty)
    #expect(outer.size == 2)
  }

  @Test(arguments: [nil, Duration.zero, .seconds(1)]) func `without members there is nothing to wait for`(
    timeout: Duration?
  ) async throws {
    await #expect(throws: SelectError.empty) { try await Select<Int>().get(timeout: timeout) }
    await #expect(throws: SelectError.empty) { try await Select<Int>().nextEvent(timeout: timeout) }
    #expect(try await elements(of: Select<Int>()) == [])
    #expect(SelectError.empty.description == "Cannot get(), Select instance is empty")
  }

  // MARK: Getting

  @Test func `iteration ends when each has shown one element`() async throws {
    #expect(try await elements(of: Select([try receiver(123)])) == [123])
    #expect(try await elements(of: Select([try receiver(1, 9), try receiver(2), try receiver(3)])) == [1, 2, 3])
  }

  @Test func `a oneshot Select lets go of who has shown an element`() async throws {
    let receiver = try receiver(1, 2)
    let select = Select([receiver])
    #expect(try await select.get() == 1)
    await #expect(throws: SelectError.empty) { try await select.get() }
    #expect(receiver.size == 1)
    try Select<Int>().add(receiver)
  }

  @Test func `another Select keeps it, and shows all in order`() async throws {
    let receiver = try receiver(1, 2)
    let select = Select([receiver], oneshot: false)
    #expect(try await select.get() == 1)
    #expect(try await select.get() == 2)
    await #expect(throws: TimeoutError.self) { try await select.get(timeout: .zero) }
    #expect(select.hasMembers)
    #expect(throws: SelectError.owned) { try Select<Int>().add(receiver) }
  }

  @Test func `waiting ends when its time is over`() async throws {
    let select = Select([try receiver()])
    await #expect(throws: TimeoutError.self) { try await select.get(timeout: .zero) }
    let waiter = Task { try await select.get(timeout: .milliseconds(100)) }
    try await eventually { select.core.waiterCount == 1 }
    port.advance(by: .milliseconds(100))
    await #expect(throws: TimeoutError.self) { try await waiter.value }
  }

  @Test func `time goes on while others take what arrives`() async throws {
    let receiver = try receiver()
    let select = Select([receiver])
    let waiter = Task { try await select.get(timeout: .seconds(3)) }
    try await eventually { select.core.waiterCount == 1 }
    for _ in 0..<3 {
      // Shown to the Select, which finds nothing, because its claim is told without an element.
      select.core.notify(try #require(receiver.core.queue.membership(of: select.core)).id)
      try await eventually { select.core.waiterCount == 1 }
      port.advance(by: .seconds(1))
    }
    await #expect(throws: TimeoutError("waiting for a Select", timeout: .seconds(3))) { try await waiter.value }
    #expect(port.timerCount == 0)
  }

  @Test func `what arrives after adding is shown, with its source`() async throws {
    let receiver = Receiver<Int>(port, respondent: 4)
    let other = try self.receiver()
    let select = Select([other, receiver])
    let waiter = Task { try await select.nextEvent() }
    try await eventually { select.core.waiterCount == 1 }
    try receiver.feed(7, from: 4)
    let event = try await waiter.value
    #expect(event.receiver == receiver)
    #expect(event.contextID == 4)
    #expect(try event.value == 7)
    try other.feed(8, from: 5)
    #expect(try await select.nextEvent().contextID == 5)
  }

  @Test func `what was taken directly is not shown`() async throws {
    let receiver = try receiver()
    let select = Select([receiver])
    try receiver.feed(1)
    #expect(try await receiver.get() == 1)
    await #expect(throws: TimeoutError.self) { try await select.get(timeout: .zero) }
    try receiver.feed(2)
    #expect(try await select.get() == 2)
  }

  @Test func `who waits directly comes first`() async throws {
    let receiver = try receiver()
    let select = Select([receiver])
    let direct = Task { try await receiver.get() }
    try await eventually { receiver.core.queue.waiterCount == 1 }
    let shown = Task { try await select.get() }
    try await eventually { select.core.waiterCount == 1 }
    try receiver.feed(1, 2)
    #expect(try await direct.value == 1)
    #expect(try await shown.value == 2)
  }

  @Test func `a busy member does not keep others from being shown`() async throws {
    let busy = try receiver(1, 1, 1, 1)
    let quiet = try receiver(2, 2)
    let select = Select([busy, quiet], oneshot: false)
    var seen: [Int] = []
    for _ in 0..<6 { seen.append(try await select.get()) }
    #expect(seen == [1, 2, 1, 2, 1, 1])
  }
}

extension SelectCore {
  fileprivate var firstReceiver: ReceiverCore? {
    allMembers.lazy.compactMap { if case .receiver(let receiver) = $0 { receiver } else { nil } }.first
  }
}
