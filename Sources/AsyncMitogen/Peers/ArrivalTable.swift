/// Who has connected to a listener and is not in the tree yet. Bounded. Pure.
///
/// One that says nothing waits until its time is up, but delays nobody: when there are too many, the one that has been
/// silent longest makes room.
struct ArrivalTable<Arrival: Sendable>: Sendable {
  /// How many may be silent.
  let limit: Int
  private var silent: [UInt64] = []
  private var arrivals: [UInt64: Arrival] = [:]
  private var next: UInt64 = 0

  init(limit: Int) { self.limit = max(1, limit) }

  /// How many there are.
  var count: Int { arrivals.count }

  /// How many of them have said nothing.
  var silentCount: Int { silent.count }

  /// The number of the next one.
  var nextNumber: UInt64 { next }

  /// Adds one; returns those that make room for it.
  mutating func add(_ arrival: Arrival) -> (number: UInt64, left: [Arrival]) {
    let number = next
    next += 1
    arrivals[number] = arrival
    silent.append(number)
    var left: [Arrival] = []
    while silent.count > limit {
      if let arrival = arrivals.removeValue(forKey: silent.removeFirst()) { left.append(arrival) }
    }
    return (number, left)
  }

  subscript(_ number: UInt64) -> Arrival? { arrivals[number] }

  /// It has said something.
  mutating func update(_ number: UInt64, _ arrival: Arrival) {
    if arrivals[number] != nil { arrivals[number] = arrival }
  }

  /// It has said what it has to: it keeps its place.
  mutating func hasGreeted(_ number: UInt64) { silent.removeAll { $0 == number } }

  /// It has joined, or is gone.
  @discardableResult
  mutating func remove(_ number: UInt64) -> Arrival? {
    silent.removeAll { $0 == number }
    return arrivals.removeValue(forKey: number)
  }

  /// Removes all.
  mutating func removeAll() -> [Arrival] {
    defer {
      silent = []
      arrivals = [:]
    }
    return arrivals.sorted { $0.key < $1.key }.map(\.value)
  }
}
