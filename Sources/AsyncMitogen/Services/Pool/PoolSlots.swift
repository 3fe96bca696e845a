/// How many methods run at once, and which wait for room: first come, first served. Pure.
struct PoolSlots: Sendable {
  let size: Int
  private(set) var runningCount = 0
  private var line = WaitingLine<RequestID>()

  init(size: Int) { self.size = max(1, size) }

  /// How many wait for room.
  var waitingCount: Int { line.count }

  /// Asks for room; true if it may run at once, else it waits.
  mutating func enter(_ id: RequestID) -> Bool {
    guard runningCount >= size else {
      runningCount += 1
      return true
    }
    line.append(id, ticket: Ticket(id.number))
    return false
  }

  /// It waits no longer; false if it did not.
  mutating func leave(_ id: RequestID) -> Bool { line.remove(Ticket(id.number)) != nil }

  /// One has ended; returns the one that may run in its place.
  mutating func release() -> RequestID? {
    if let next = line.popFirst() { return next }
    runningCount -= 1
    return nil
  }

  /// None may run any more; returns those that waited.
  mutating func removeWaiting() -> [RequestID] { line.removeAll() }
}
