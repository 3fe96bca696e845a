/// Which transfers a service has, which of them may send, and how far each may be ahead. Pure.
///
/// Generic over what a transfer is, so that tests can use names.
struct TransferTable<Transfer: Sendable>: Sendable {
  /// Names a place in the table.
  typealias Number = UInt64

  private struct Entry: Sendable {
    let requester: ContextID
    /// Over which neighbour it goes.
    let hop: ContextID
    let isPlain: Bool
    var transfer: Transfer?
  }

  let limit: Int
  let limitPerContext: Int
  private var entries: [Number: Entry] = [:]
  /// The plain transfers of each context in their order: Mitogen's acknowledgements do not say which of them they mean,
  /// so that only the first one sends.
  private var lines: [ContextID: [Number]] = [:]
  private var perContext: [ContextID: Int] = [:]
  private var perHop: [ContextID: Int] = [:]
  private var last: Number = 0

  init(limit: Int, limitPerContext: Int) {
    self.limit = limit
    self.limitPerContext = limitPerContext
  }

  /// How many there are.
  var count: Int { entries.count }

  /// All that have begun, or wait to, in the order in which they came.
  var all: [(number: Number, transfer: Transfer)] {
    entries.sorted { $0.key < $1.key }.compactMap { entry in entry.value.transfer.map { (entry.key, $0) } }
  }

  /// Keeps a place for a transfer; nil if there are too many.
  mutating func reserve(for requester: ContextID, over hop: ContextID, isPlain: Bool) -> Number? {
    guard entries.count < limit, perContext[requester, default: 0] < limitPerContext else { return nil }
    last += 1
    entries[last] = Entry(requester: requester, hop: hop, isPlain: isPlain)
    perContext[requester, default: 0] += 1
    perHop[hop, default: 0] += 1
    return last
  }

  /// Puts a transfer in its place; whether it may send now, or has to wait for its turn.
  mutating func begin(_ number: Number, _ transfer: Transfer) -> Bool {
    guard let entry = entries[number] else { return false }
    entries[number]?.transfer = transfer
    guard entry.isPlain else { return true }
    lines[entry.requester, default: []].append(number)
    return lines[entry.requester]?.count == 1
  }

  /// A transfer has ended, or never begun; returns the one that may send in its place.
  mutating func end(_ number: Number) -> Transfer? {
    guard let entry = entries.removeValue(forKey: number) else { return nil }
    TransferTable.decrease(&perContext, entry.requester)
    TransferTable.decrease(&perHop, entry.hop)
    guard entry.isPlain, var line = lines.removeValue(forKey: entry.requester) else { return nil }
    let wasFirst = line.first == number
    line.removeAll { $0 == number }
    guard let first = line.first else { return nil }
    lines[entry.requester] = line
    return wasFirst ? entries[first]?.transfer : nil
  }

  /// The plain transfer to a context that sends now.
  func sending(to requester: ContextID) -> Transfer? {
    lines[requester]?.first.flatMap { entries[$0]?.transfer }
  }

  /// A transfer by its number.
  func transfer(_ number: Number) -> Transfer? { entries[number]?.transfer }

  /// The transfers over a neighbour, and the window that each of them may have.
  func shares(over hop: ContextID) -> (window: Int, transfers: [Transfer]) {
    (TransferWindow.share(of: perHop[hop, default: 0]), entries.values.filter { $0.hop == hop }.compactMap(\.transfer))
  }

  /// The neighbour that a transfer goes over.
  func hop(of number: Number) -> ContextID? { entries[number]?.hop }

  private static func decrease(_ counts: inout [ContextID: Int], _ key: ContextID) {
    let count = counts[key, default: 1] - 1
    counts[key] = count > 0 ? count : nil
  }
}
