import Testing

@testable import AsyncMitogen

struct TimerHeapTests {
  @Test func `the earliest that is pending`() {
    var heap = TimerHeap()
    #expect(heap.earliest() == nil)
    let late = heap.schedule(at: 30) {}
    let early = heap.schedule(at: 20) {}
    let twin = heap.schedule(at: 20) {}
    #expect(early != twin)
    #expect(heap.earliest() == 20)
    #expect(heap.cancel(early) == true)
    #expect(heap.cancel(early) == false)
    #expect(heap.earliest() == 20)
    _ = heap.cancel(twin)
    #expect(heap.earliest() == 30)
    _ = heap.cancel(late)
    #expect(heap.earliest() == nil)
    #expect(heap.count == 0)
  }

  @Test func `what is due now, and what is not yet`() {
    var heap = TimerHeap()
    let ran = Box<[String]>([])
    for (name, due) in [("two", 2), ("twin", 2), ("cancelled", 2), ("three", 3), ("past", 1)] as [(String, UInt64)] {
      let timer = heap.schedule(at: due) { ran.value.append(name) }
      if name == "cancelled" { heap.cancel(timer) }
    }
    #expect(heap.earliest() == 1)
    #expect(heap.popDue(at: 0) == nil)
    heap.popDue(at: 1)?()
    #expect(heap.popDue(at: 1) == nil && heap.earliest() == 2)
    // Late is due too.
    while let action = heap.popDue(at: 30) { action() }
    #expect(ran.value == ["past", "two", "twin", "three"])
    #expect(heap.earliest() == nil && heap.count == 0)
  }

  @Test func `what is due comes in order, and once`() {
    var generator = SplitMix64(state: 11)
    for _ in 0..<50 {
      var heap = TimerHeap()
      var pending: [(due: UInt64, number: Int, identifier: TimerIdentifier)] = []
      let ran = Box<[Int]>([])
      for number in 0..<Int.random(in: 1...300, using: &generator) {
        let due = UInt64.random(in: 0...50, using: &generator)
        pending.append((due, number, heap.schedule(at: due) { ran.value.append(number) }))
        if Int.random(in: 0...3, using: &generator) == 0 {
          let victim = pending.remove(at: Int.random(in: 0..<pending.count, using: &generator))
          #expect(heap.cancel(victim.identifier) == true)
        }
      }
      let now = UInt64.random(in: 0...50, using: &generator)
      while let action = heap.popDue(at: now) { action() }
      let due = pending.filter { $0.due <= now }.sorted { ($0.due, $0.number) < ($1.due, $1.number) }
      #expect(ran.value == due.map(\.number))
      #expect(heap.count == pending.count - due.count)
    }
  }
}

struct DescriptorTableTests {
  private final class Handler: ReadinessHandler {
    func ready(_ readiness: Readiness) {}
  }

  private func data(_ change: DescriptorTable.Change) -> UInt64? {
    switch change {
    case .add(let data), .modify(let data): data
    case .none, .remove: nil
    }
  }

  @Test func `registering, changing, removing`() throws {
    var table = DescriptorTable()
    let handler = Handler()
    let added = table.register(7, interest: .readable, keepsAlive: true, handler: handler)
    let first = try #require(data(added))
    #expect(added == .add(data: first))
    #expect(table.count == 1 && table.keepAliveCount == 1)
    #expect(table.handler(for: first, .readable) === handler)
    #expect(table.handler(for: first, .writable) == nil)
    #expect(table.handler(for: first, .hangUp) === handler)
    #expect(table.setInterest(7, .readable) == .none)
    #expect(table.setInterest(7, .writable) == .modify(data: first))
    #expect(table.interest(7) == .writable)
    #expect(table.setInterest(8, .writable) == .none)
    #expect(table.remove(7) == .remove)
    #expect(table.remove(7) == .none)
    #expect(table.remove(-1) == .none)
    #expect(table.count == 0 && table.keepAliveCount == 0)
  }

  @Test func `an event for a descriptor that has been closed since reaches nobody`() throws {
    var table = DescriptorTable()
    let (old, new) = (Handler(), Handler())
    let first = try #require(data(table.register(7, interest: .readable, keepsAlive: false, handler: old)))
    _ = table.remove(7)
    #expect(table.handler(for: first, .readable) == nil)
    let second = try #require(data(table.register(7, interest: .readable, keepsAlive: false, handler: new)))
    #expect(table.handler(for: first, .readable) == nil)
    #expect(table.handler(for: second, .readable) === new)
    let replaced = table.register(7, interest: .readable, keepsAlive: true, handler: old)
    #expect(data(replaced).map { replaced == .modify(data: $0) } == true)
    #expect(table.count == 1)
  }
}

struct LoopStateTests {
  private func isWake(_ action: LoopState.EnqueueAction) -> Bool {
    if case .wake = action { return true }
    return false
  }

  @Test func `the first work starts a leader, and only one`() {
    var state = LoopState(maximumThreads: 4)
    guard case .startLeader = state.noticeWork() else {
      Issue.record("no leader")
      return
    }
    guard case .none = state.noticeWork() else {
      Issue.record("two leaders")
      return
    }
    #expect(state.threads == 1)
    state.becameLeader(10)
    #expect(state.leads(10))
    state.isSleeping = true
    #expect(isWake(state.noticeWork()))
    #expect(!isWake(state.noticeWork()))
  }

  @Test func `a watchdog is started once, and takes over`() {
    var state = LoopState(maximumThreads: 4)
    _ = state.noticeWork()
    state.becameLeader(10)
    guard case .startWatchdog = state.watch(now: 5_000_000) else {
      Issue.record("no watchdog")
      return
    }
    guard case .none = state.watch(now: 5_100_000) else {
      Issue.record("armed too often")
      return
    }
    guard case .arm = state.watch(now: 5_000_000 + LoopState.patience) else {
      Issue.record("not armed again")
      return
    }
    state.isInTask = true
    state.takeOver(11)
    #expect(!state.leads(10) && state.leads(11))
    #expect(!state.hasWatchdog)
    let parker = Parker()
    guard case .park = state.rest(parker) else {
      Issue.record("does not rest")
      return
    }
    guard case .wakeAsWatchdog = state.watch(now: 9_000_000) else {
      Issue.record("nobody is woken")
      return
    }
    #expect(state.threads == 2)
  }

  @Test func `without a thread to take over no task runs`() {
    var state = LoopState(maximumThreads: 1)
    _ = state.noticeWork()
    state.becameLeader(10)
    #expect(!state.canRunTasks)
    state.phase = .stopped
    #expect(state.canRunTasks)
  }

  @Test func `a timer is disarmed after a task on its own, not between many`() {
    var state = LoopState(maximumThreads: 4)
    _ = state.noticeWork()
    state.becameLeader(10)
    _ = state.watch(now: 5_000_000)
    #expect(state.disarmsBeforeSleep() == true)
    #expect(state.disarmsBeforeSleep() == false)
    _ = state.watch(now: 50_000_000)
    _ = state.watch(now: 50_010_000)
    #expect(state.disarmsBeforeSleep() == false)
  }
}

/// A value that closures share; used by one thread.
final class Box<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}
