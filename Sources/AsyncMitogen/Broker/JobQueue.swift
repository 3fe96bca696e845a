/// A first-in, first-out queue on a ring that grows; taking and adding cost a few nanoseconds and move nothing.
struct JobQueue<Element> {
  private var slots: [Element?] = []
  private var head = 0
  /// How many elements wait.
  private(set) var count = 0

  /// Whether none waits.
  var isEmpty: Bool { count == 0 }

  /// Adds behind all others.
  mutating func append(_ element: consuming Element) {
    if count == slots.count { grow() }
    slots[(head + count) & (slots.count - 1)] = element
    count += 1
  }

  /// Takes the one that has waited longest.
  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = slots[head].take()
    head = (head + 1) & (slots.count - 1)
    count -= 1
    return element
  }

  private mutating func grow() {
    var larger: [Element?] = []
    larger.reserveCapacity(max(16, slots.count * 2))
    for offset in 0..<count { larger.append(slots[(head + offset) & (slots.count - 1)]) }
    larger.append(contentsOf: repeatElement(nil, count: max(16, slots.count * 2) - larger.count))
    slots = larger
    head = 0
  }
}

extension JobQueue: Sendable where Element: Sendable {}
