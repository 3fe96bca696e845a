/// What a context has of resources, and who waits for which. Mitogen's `ResourceForwarder`, with a memory. Pure.
struct ResourceTable<Waiter: Sendable>: Sendable {
  /// Who wants a resource.
  enum Requester: Sendable {
    /// A context right below this one.
    case neighbour(ContextID)
    /// Somebody here, by a number of its own.
    case local(UInt64, Waiter)
  }

  /// What becomes of a request.
  enum Outcome: Sendable {
    case found([UInt8])
    /// Look for it; who asked waits.
    case find
    /// It is being looked for already; who asked waits.
    case wait
    /// More wait already than may.
    case refuse
  }

  private struct Kept {
    var content: [UInt8]
    var lastUse: UInt64
  }

  /// How many bytes are kept at most; what was used least recently goes first.
  let byteLimit: Int
  /// How many may wait at once.
  let waitingLimit: Int
  /// How many bytes are kept.
  private(set) var byteCount = 0
  /// How many wait.
  private(set) var waitingCount = 0
  private var kept: [ResourceName: Kept] = [:]
  private var useCount: UInt64 = 0
  private var waiting: [ResourceName: [Requester]] = [:]

  /// Each kept resource counts as so much more than its content.
  private static var overhead: Int { 256 }

  init(byteLimit: Int, waitingLimit: Int) {
    self.byteLimit = byteLimit
    self.waitingLimit = waitingLimit
  }

  /// Somebody wants a resource.
  mutating func request(_ name: ResourceName, for requester: Requester) -> Outcome {
    if let content = kept[name]?.content {
      useCount += 1
      kept[name]?.lastUse = useCount
      return .found(content)
    }
    guard waitingCount < waitingLimit else { return .refuse }
    waitingCount += 1
    waiting[name, default: []].append(requester)
    return waiting[name]?.count == 1 ? .find : .wait
  }

  /// A resource has come, or it is known that there is none; returns who waits for it, in order.
  ///
  /// - Parameter keeps: Whether others will get it from here. What nobody has asked for is not kept.
  mutating func receive(_ resource: Resource, keeps: Bool) -> [Requester] {
    guard let requesters = waiting.removeValue(forKey: resource.name) else { return [] }
    waitingCount -= requesters.count
    if keeps, let content = resource.content { keep(content, as: resource.name) }
    return requesters
  }

  /// Somebody here waits no more; returns it if it did.
  mutating func remove(_ number: UInt64, from name: ResourceName) -> Waiter? {
    guard let index = waiting[name]?.firstIndex(where: { $0.number == number }),
      case .local(_, let waiter)? = waiting[name]?.remove(at: index)
    else { return nil }
    waitingCount -= 1
    forget(name)
    return waiter
  }

  /// A context below is gone.
  mutating func remove(_ neighbour: ContextID) {
    for (name, requesters) in waiting {
      let others = requesters.filter { $0.neighbour != neighbour }
      guard others.count < requesters.count else { continue }
      waitingCount -= requesters.count - others.count
      waiting[name] = others
      forget(name)
    }
  }

  /// Nothing will come any more; returns all that wait here.
  mutating func removeAll() -> [Waiter] {
    let requesters = waiting.sorted { $0.key < $1.key }.flatMap(\.value)
    waiting = [:]
    waitingCount = 0
    return requesters.compactMap { if case .local(_, let waiter) = $0 { waiter } else { nil } }
  }

  /// Whoever asks next asks anew: nobody waits for the answer that may still come.
  private mutating func forget(_ name: ResourceName) {
    if waiting[name]?.isEmpty == true { waiting[name] = nil }
  }

  private mutating func keep(_ content: [UInt8], as name: ResourceName) {
    let size = content.count + ResourceTable.overhead
    guard size <= byteLimit else { return }
    if let before = kept.removeValue(forKey: name) { byteCount -= before.content.count + ResourceTable.overhead }
    while byteCount + size > byteLimit, let oldest = kept.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      kept[oldest.key] = nil
      byteCount -= oldest.value.content.count + ResourceTable.overhead
    }
    useCount += 1
    kept[name] = Kept(content: content, lastUse: useCount)
    byteCount += size
  }
}

extension ResourceTable.Requester {
  fileprivate var number: UInt64? { if case .local(let number, _) = self { number } else { nil } }
  fileprivate var neighbour: ContextID? { if case .neighbour(let context) = self { context } else { nil } }
}
