import AsyncMitogen
import Synchronization

/// Messages between two children of this process, which passes them on.
///
/// Children may not call each other, so each has a receiver of its own and a sender to the other's.
enum SiblingsCase {
  static func measure(_ effort: Effort) async throws -> [Figure] {
    let pinned = try await Machine.onOneCore { try await compare(effort) }
    let free = try await compare(effort)
    return [
      Figure("siblings", pinned, unit: "µs", target: .atMostTimesFloor(1.7)),
      Figure(tailOf: "siblings", pinned, unit: "µs"),
      Figure("siblings/unpinned", free, unit: "µs", target: .atMostTimesFloor(1.7)),
      Figure(tailOf: "siblings/unpinned", free, unit: "µs"),
    ]
  }

  private static func compare(_ effort: Effort) async throws -> Comparison {
    try await withRouter { router in
      let first = try await router.local()
      let second = try await router.local()
      let toFirst = try await first.call { try Sibling.open() }
      let toSecond = try await second.call { try Sibling.open() }
      let echoed = second.callAsync(toFirst) { other in try await Sibling.echo(to: other) }
      let count = effort.of(2000, quick: 800)
      var comparison = Comparison()
      for round in 0...effort.rounds {
        let ours = try await first.call(toSecond, count) { other, count in
          try await Sibling.measure(count, with: other)
        }
        let floor = try await Floor.measure { try Floor.siblingRoundTrips(count) }
        guard round > 0 else { continue }
        comparison.ours.add(ours.map { Double($0) / .microsecond })
        comparison.floor.add(floor, per: .microsecond)
      }
      try await toSecond.send(Sibling.end)
      _ = try await echoed.get()
      return comparison
    }
  }
}

/// What runs in the two children.
enum Sibling {
  /// Tells the echoing one that it is over.
  static let end = -1

  /// Outlives the call that opened it.
  private static let inbox = Mutex<Receiver<Int>?>(nil)

  /// Makes this context's receiver, and gives away a sender to it.
  static func open() throws -> Sender<Int> {
    guard let context = ExternalContext.current else { throw NotInAChild() }
    let receiver = Receiver<Int>(router: context.router)
    inbox.withLock { $0 = receiver }
    return receiver.sender
  }

  /// Sends back what comes, and returns how much that was.
  static func echo(to other: Sender<Int>) async throws -> Int {
    let receiver = try opened()
    var count = 0
    while true {
      let value = try await receiver.get()
      if value == end { return count }
      try await other.send(value)
      count += 1
    }
  }

  /// Times round trips, in nanoseconds; a tenth more than asked for come first, as in the floor.
  static func measure(_ count: Int, with other: Sender<Int>) async throws -> [Int] {
    let receiver = try opened()
    var durations: [Int] = []
    for index in -(count / 10)..<count {
      let start = Machine.now
      try await other.send(index < 0 ? 0 : index)
      _ = try await receiver.get()
      if index >= 0 { durations.append(Int(Machine.now - start)) }
    }
    return durations
  }

  private static func opened() throws -> Receiver<Int> {
    guard let receiver = inbox.withLock({ $0 }) else { throw NotInAChild() }
    return receiver
  }

  struct NotInAChild: Error {}
}
