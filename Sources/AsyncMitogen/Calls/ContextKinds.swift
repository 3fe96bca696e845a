/// Which contexts are of our kind, as far as it has been asked.
///
/// Bounded: at twice the limit all but the newest are forgotten, and would be asked again.
struct ContextKinds: Sendable {
  /// How many are remembered at least.
  let limit: Int
  private var kinds: [ContextID: (isOurs: Bool, traces: Bool, number: UInt64)] = [:]
  /// In the order in which they came; some have been forgotten since.
  private var order: [(context: ContextID, number: UInt64)] = []
  private var next: UInt64 = 0

  init(limit: Int = 65_536) { self.limit = limit }

  /// How many are known.
  var count: Int { kinds.count }

  subscript(_ context: ContextID) -> Bool? { kinds[context]?.isOurs }

  /// Whether a context is known to understand calls with fields.
  func traces(_ context: ContextID) -> Bool { kinds[context]?.traces ?? false }

  mutating func set(_ context: ContextID, _ isOurs: Bool, traces: Bool = false) {
    if let known = kinds[context] {
      kinds[context] = (isOurs, traces, known.number)
      return
    }
    kinds[context] = (isOurs, traces, next)
    order.append((context, next))
    next += 1
    // Seldom, so that each costs little: those that ended are left out, and the oldest.
    if order.count >= 2 * limit { tidy() }
  }

  /// A context is gone.
  mutating func remove(_ context: ContextID) { kinds[context] = nil }

  private mutating func tidy() {
    order.removeAll { kinds[$0.context]?.number != $0.number }
    for entry in order.dropLast(limit) { kinds[entry.context] = nil }
    order = Array(order.suffix(limit))
  }
}
