/// Names one scheduled action for as long as it is pending.
struct TimerIdentifier: Hashable, Sendable {
  let number: UInt64
}

/// The pending timers of a loop: a binary heap by due time, with cancellation in constant time.
///
/// Mitogen's `TimerList`. Pure: the caller brings the clock.
struct TimerHeap: Sendable {
  private struct Entry {
    var due: UInt64
    var number: UInt64
  }

  private var heap: [Entry] = []
  private var actions: [UInt64: @Sendable () -> Void] = [:]
  private var next: UInt64 = 1

  /// How many timers are pending.
  var count: Int { actions.count }

  /// Adds an action that is due at `due`; of two due at the same moment the one added first runs first.
  mutating func schedule(at due: UInt64, _ action: @escaping @Sendable () -> Void) -> TimerIdentifier {
    let number = next
    next += 1
    actions[number] = action
    heap.append(Entry(due: due, number: number))
    siftUp(heap.count - 1)
    return TimerIdentifier(number: number)
  }

  /// Removes a timer; says whether it was pending.
  @discardableResult
  mutating func cancel(_ timer: TimerIdentifier) -> Bool {
    guard actions.removeValue(forKey: timer.number) != nil else { return false }
    // Cancelled entries leave the heap when they reach the top, or all together when they outnumber the others.
    if heap.count > 64, heap.count > actions.count * 2 { rebuild() }
    return true
  }

  /// When the earliest pending timer is due; nil if there is none.
  mutating func earliest() -> UInt64? {
    while let first = heap.first, actions[first.number] == nil { removeFirst() }
    return heap.first?.due
  }

  /// Removes and returns the earliest action that is due at `now`.
  mutating func popDue(at now: UInt64) -> (@Sendable () -> Void)? {
    guard let due = earliest(), due <= now else { return nil }
    let number = heap[0].number
    removeFirst()
    return actions.removeValue(forKey: number)
  }

  /// Forgets all timers.
  mutating func removeAll() {
    heap.removeAll()
    actions.removeAll()
  }

  private func precedes(_ left: Entry, _ right: Entry) -> Bool {
    left.due != right.due ? left.due < right.due : left.number < right.number
  }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    siftDown(0)
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard precedes(heap[index], heap[parent]) else { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(heap[child], heap[least]) {
        least = child
      }
      guard least != index else { return }
      heap.swapAt(index, least)
      index = least
    }
  }

  private mutating func rebuild() {
    heap.removeAll { actions[$0.number] == nil }
    heap.sort(by: precedes)
  }
}
