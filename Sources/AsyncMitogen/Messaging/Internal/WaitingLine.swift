import Synchronization

/// Names one wait, so that its cancellation or its timer can find it in a line.
struct Ticket: Hashable, Sendable {
  private static let last = Atomic<UInt64>(0)

  private let number: UInt64

  /// Makes a ticket by number, for tests; tickets of one line must differ.
  init(_ number: UInt64) { self.number = number }

  /// Makes a ticket that this process has not used before.
  static func next() -> Ticket { Ticket(last.add(1, ordering: .relaxed).newValue) }
}

/// Waiters in the order in which they came, any of which may leave; every operation takes constant time on average.
struct WaitingLine<Waiter> {
  /// The tickets in order, also those of waiters that have left since.
  private var order = RingBuffer<Ticket>()
  private var waiters: [Ticket: Waiter] = [:]

  /// The number of waiters.
  var count: Int { waiters.count }

  /// Whether there are none.
  var isEmpty: Bool { waiters.isEmpty }

  /// Adds a waiter at the end.
  mutating func append(_ waiter: Waiter, ticket: Ticket) {
    // Who leaves does not search the line; the tickets left behind are swept when they are the majority.
    if order.count > 2 * waiters.count + 32 {
      let present = waiters
      order.keep { present[$0] != nil }
    }
    order.append(ticket)
    waiters[ticket] = waiter
  }

  /// Takes the waiter that came first.
  mutating func popFirst() -> Waiter? {
    while let ticket = order.popFirst() {
      if let waiter = waiters.removeValue(forKey: ticket) { return waiter }
    }
    return nil
  }

  /// Takes the waiter with this ticket, if it is still there.
  mutating func remove(_ ticket: Ticket) -> Waiter? { waiters.removeValue(forKey: ticket) }

  /// Takes all waiters, in order.
  mutating func removeAll() -> [Waiter] {
    var all: [Waiter] = []
    while let waiter = popFirst() { all.append(waiter) }
    return all
  }
}

extension WaitingLine: Sendable where Waiter: Sendable {}
