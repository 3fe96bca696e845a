/// A first-in, first-out buffer in one block of memory, which it gives back after a burst.
struct RingBuffer<Element> {
  /// The size above which an emptied block is not kept.
  private static var retainedCapacity: Int { 1024 }

  /// The block: its size is a power of two, so that a mask wraps an index.
  private var slots: [Element?] = []
  private var head = 0

  /// The number of elements.
  private(set) var count = 0

  /// Whether there are none.
  var isEmpty: Bool { count == 0 }

  /// Adds an element at the end.
  mutating func append(_ element: Element) {
    if count == slots.count { grow() }
    slots[(head + count) & (slots.count - 1)] = element
    count += 1
  }

  /// Takes the element that has been there longest.
  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = slots[head].take()
    head = (head + 1) & (slots.count - 1)
    count -= 1
    if count == 0, slots.count > Self.retainedCapacity { self = RingBuffer() }
    return element
  }

  /// Visits the elements, oldest first.
  func visit(_ body: (Element) -> Void) {
    for offset in 0..<count {
      if let element = slots[(head + offset) & (slots.count - 1)] { body(element) }
    }
  }

  /// Drops the elements that do not satisfy `isWanted`; the others keep their order.
  mutating func keep(where isWanted: (Element) -> Bool) {
    var kept = RingBuffer()
    visit { if isWanted($0) { kept.append($0) } }
    self = kept
  }

  private mutating func grow() {
    var larger: [Element?] = Array(repeating: nil, count: max(8, slots.count * 2))
    for offset in 0..<count { larger[offset] = slots[(head + offset) & (slots.count - 1)].take() }
    slots = larger
    head = 0
  }
}

extension RingBuffer: Sendable where Element: Sendable {}
