import Synchronization
import Testing

@testable import AsyncMitogen

/// The hook by which a call hears that nobody waits for its reply.
@Suite(.timeLimit(.minutes(1)))
struct ReceiverAbandonTests {
  final class Calls: Sendable {
    let count = Atomic<Int>(0)
    func note() { count.add(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
  }

  let port = TestPort()
  let calls = Calls()

  private func reply() -> Receiver<Int> {
    let receiver = Receiver<Int>(port, persist: false, respondent: 4)
    receiver.onAbandon { [calls] in calls.note() }
    return receiver
  }

  @Test func `the last copy is gone`() {
    do { _ = reply() }
    #expect(calls.value == 1)
  }

  @Test func `the receiver is closed`() {
    let receiver = reply()
    receiver.close()
    receiver.close()
    #expect(calls.value == 1)
  }

  @Test func `the wait is cancelled`() async throws {
    let receiver = reply()
    let waiter = Task { try await receiver.get() }
    try await eventually { receiver.core.queue.waiterCount == 1 }
    waiter.cancel()
    _ = await waiter.result
    #expect(calls.value == 1)
    receiver.close()
    #expect(calls.value == 1)
  }

  @Test func `the wait was cancelled before it began`() async throws {
    let receiver = reply()
    let waiter = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return try await receiver.get()
    }
    _ = await waiter.result
    #expect(calls.value == 1)
  }

  @Test func `the wait is out of time, and a late reply is still a reply`() async throws {
    let receiver = reply()
    let waiter = Task { try await receiver.get(timeout: .seconds(1)) }
    try await eventually { receiver.core.queue.waiterCount == 1 }
    port.advance(by: .seconds(1))
    _ = await waiter.result
    #expect(calls.value == 1)
    try receiver.feed(7, from: 4)
    #expect(try await receiver.get() == 7)
    #expect(calls.value == 1)
  }

  @Test func `not when another task still waits`() async throws {
    let receiver = reply()
    let first = Task { try await receiver.get() }
    let second = Task { try await receiver.get() }
    try await eventually { receiver.core.queue.waiterCount == 2 }
    first.cancel()
    _ = await first.result
    #expect(calls.value == 0)
    second.cancel()
    _ = await second.result
    #expect(calls.value == 1)
  }

  @Test func `not when somebody only asks whether it is there`() async throws {
    let receiver = reply()
    await #expect(throws: TimeoutError.self) { try await receiver.get(timeout: .zero) }
    #expect(calls.value == 0)
    try receiver.feed(7, from: 4)
  }

  @Test func `not when the reply has come, read or not`() async throws {
    do {
      let receiver = reply()
      try receiver.feed(7, from: 4)
      let other = reply()
      port.lose(4)
      _ = other
    }
    #expect(calls.value == 0)
  }

  @Test func `at once when it is too late`() {
    let receiver = Receiver<Int>(port, persist: false)
    receiver.close()
    receiver.onAbandon { [calls] in calls.note() }
    #expect(calls.value == 1)
  }

  @Test func `what the hook holds is let go with the reply`() throws {
    final class Thing: Sendable {}
    var thing: Thing? = Thing()
    weak let watched = thing
    let receiver = Receiver<Int>(port, persist: false)
    receiver.onAbandon { [thing] in _ = thing }
    thing = nil
    #expect(watched != nil)
    try receiver.feed(1)
    #expect(watched == nil)
  }
}
