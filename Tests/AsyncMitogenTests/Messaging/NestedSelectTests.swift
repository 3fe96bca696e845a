import Testing

@testable import AsyncMitogen

/// Selects in Selects.
@Suite(.timeLimit(.minutes(1)))
struct NestedSelectTests {
  let port = TestPort()

  private func receiver(_ numbers: Int...) throws -> Receiver<Int> {
    let receiver = Receiver<Int>(port)
    for number in numbers { try receiver.feed(number) }
    return receiver
  }

  private func nest(_ inner: Select<Int>..., oneshot: Bool = true) throws -> Select<Int> {
    let outer = Select<Int>(oneshot: oneshot)
    for select in inner { try outer.add(select) }
    return outer
  }

  @Test func `events name the receiver at the bottom`() async throws {
    let leaf = try receiver(1)
    let outer = try nest(try nest(Select([leaf])))
    let event = try await outer.nextEvent()
    #expect(event.receiver == leaf)
    #expect(try event.value == 1)
  }

  @Test func `what arrives at the bottom wakes who waits at the top`() async throws {
    let leaf = try receiver()
    let outer = try nest(try nest(Select([leaf])))
    let waiter = Task { try await outer.get() }
    try await eventually { outer.core.waiterCount == 1 }
    try leaf.feed(1)
    #expect(try await waiter.value == 1)
  }

  @Test func `leaves leave one by one, and the inner Select with the last`() async throws {
    let inner = Select([try receiver(1), try receiver(2)])
    let outer = try nest(inner)
    #expect(try await outer.get() == 1)
    #expect(outer.hasMembers)
    #expect(try await outer.get() == 2)
    #expect(!outer.hasMembers)
    try Select<Int>().add(inner)
  }

  @Test func `an inner Select that keeps its receivers keeps them in a oneshot one`() async throws {
    let leaf = try receiver(1, 2)
    let inner = Select([leaf], oneshot: false)
    let outer = try nest(inner)
    #expect(try await outer.get() == 1)
    #expect(try await outer.get() == 2)
    #expect(outer.hasMembers)
    leaf.close()
    await #expect(throws: ChannelError.self) { try await outer.get() }
    #expect(!outer.hasMembers)
  }

  @Test func `an outer Select that keeps its members keeps an empty one`() async throws {
    let inner = Select([try receiver(1)])
    let outer = try nest(inner, oneshot: false)
    #expect(try await outer.get() == 1)
    #expect(outer.hasMembers)
    await #expect(throws: TimeoutError.self) { try await outer.get(timeout: .zero) }
    try inner.add(try receiver(2))
    #expect(try await outer.get() == 2)
  }

  @Test func `an empty Select can be a member, and be filled`() async throws {
    let inner = Select<Int>()
    let outer = try nest(inner)
    let waiter = Task { try await outer.get() }
    try await eventually { outer.core.waiterCount == 1 }
    try inner.add(try receiver(1))
    #expect(try await waiter.value == 1)
    #expect(!outer.hasMembers)
  }

  @Test func `a member that becomes empty by other means leaves a oneshot Select`() async throws {
    let leaf = try receiver()
    let inner = Select([leaf])
    let outer = try nest(inner)
    let reader = Task { try await outer.nextEvent() }
    try await eventually { outer.core.waiterCount == 1 }
    try inner.remove(leaf)
    await #expect(throws: SelectError.empty) { try await reader.value }
  }

  @Test(arguments: [true, false]) func `a member that is closed leaves`(oneshot: Bool) async throws {
    let inner = Select([try receiver()])
    let outer = try nest(inner, oneshot: oneshot)
    let reader = Task { try await outer.nextEvent() }
    try await eventually { outer.core.waiterCount == 1 }
    inner.close()
    await #expect(throws: SelectError.empty) { try await reader.value }
    #expect(!outer.hasMembers)
  }

  @Test func `a closed Select that is added leaves at once`() async throws {
    let inner = Select<Int>()
    inner.close()
    let outer = try nest(inner, oneshot: false)
    await #expect(throws: SelectError.empty) { try await outer.get() }
  }

  @Test func `inner Selects take turns`() async throws {
    let busy = Select([try receiver(1, 1, 1), try receiver(3, 3)], oneshot: false)
    let quiet = Select([try receiver(2, 2)], oneshot: false)
    let outer = try nest(busy, quiet, oneshot: false)
    var seen: [Int] = []
    for _ in 0..<7 { seen.append(try await outer.get()) }
    #expect(seen == [1, 2, 3, 2, 1, 3, 1])
  }

  @Test func `removing an inner Select loses nothing`() async throws {
    let inner = Select([try receiver(1)])
    let outer = try nest(inner)
    try outer.remove(inner)
    await #expect(throws: SelectError.empty) { try await outer.get() }
    #expect(try await inner.get() == 1)
  }

  @Test func `an outer Select keeps an inner one that nobody else holds`() async throws {
    let leaf = try receiver()
    let outer = try nest(Select([leaf]))
    try leaf.feed(1)
    #expect(try await outer.get() == 1)
  }

  @Test func `waiting for empty Selects has an end`() async throws {
    let outer = try nest(Select<Int>())
    await #expect(throws: TimeoutError.self) { try await outer.get(timeout: .milliseconds(1)) }
  }

  @Test func `Selects added to each other at once make no circle`() async throws {
    for _ in 0..<200 {
      let first = Select<Int>()
      let second = Select<Int>()
      async let one: Void = first.add(second)
      async let other: Void = second.add(first)
      var failures = 0
      do { try await one } catch { failures += 1 }
      do { try await other } catch { failures += 1 }
      #expect(failures == 1)
      first.close()
      second.close()
    }
  }
}
