/// Results by what was asked, as many as there is room for: the oldest goes first.
struct ResultCache: Sendable {
  private struct Entry: Sendable {
    var outcome: ServiceOutcome
    var expiry: Duration?
    var size: Int
    var number: UInt64
  }

  private let limit: QueueLimit
  private var entries: [InvocationKey: Entry] = [:]
  /// In the order of their age, also those that have been removed since.
  private var order = RingBuffer<(key: InvocationKey, number: UInt64)>()
  private var lastNumber: UInt64 = 0
  /// How many bytes the results take, with what is needed to find them.
  private(set) var byteCount = 0

  init(limit: QueueLimit) { self.limit = limit }

  /// How many results there are, those included whose time is over and that nobody has asked for since.
  var count: Int { entries.count }

  /// The result for a key; nil if there is none, or its time is over.
  mutating func find(_ key: InvocationKey, now: Duration) -> ServiceOutcome? {
    guard let entry = entries[key] else { return nil }
    if let expiry = entry.expiry, expiry <= now {
      remove(key)
      return nil
    }
    return entry.outcome
  }

  /// Adds a result, in place of the one that is there, and makes room; a result larger than the limit is not kept.
  mutating func insert(_ outcome: ServiceOutcome, for key: InvocationKey, expiry: Duration?) {
    remove(key)
    let size = outcome.size + key.method.utf8.count + 128
    guard size <= limit.bytes else { return }
    lastNumber += 1
    entries[key] = Entry(outcome: outcome, expiry: expiry, size: size, number: lastNumber)
    byteCount += size
    order.append((key, lastNumber))
    while entries.count > limit.messages || byteCount > limit.bytes, let oldest = order.popFirst() {
      if entries[oldest.key]?.number == oldest.number { remove(oldest.key) }
    }
    // What was removed otherwise is swept when it is the majority.
    if order.count > 2 * entries.count + 32 {
      let present = entries
      order.keep { present[$0.key]?.number == $0.number }
    }
  }

  /// Removes all results whose keys are meant.
  mutating func remove(where isMeant: (InvocationKey) -> Bool) {
    for key in entries.keys.filter(isMeant) { remove(key) }
  }

  private mutating func remove(_ key: InvocationKey) {
    guard let entry = entries.removeValue(forKey: key) else { return }
    byteCount -= entry.size
  }
}

extension ServiceOutcome {
  /// About how many bytes it takes.
  fileprivate var size: Int {
    switch self {
    case .reply(let payload): payload.count
    case .failure(let error): error.description.utf8.count
    case .cancelled, .nothing: 0
    }
  }
}
