/// Runs one request for all that call the same method with the same arguments, and remembers the result.
///
/// Those that come while it runs wait for the result, and hold no thread; those that come later get what is remembered.
/// When one of those that wait is cancelled it leaves; with the last one the work is cancelled. The policy and the
/// arguments of each are checked. Mitogen's `DeduplicatingInvoker`, with an end to what is remembered.
public struct DeduplicatingInvoker: Invoker {
  private let timeToLive: Duration?
  private let remembersFailures: Bool
  private var runs: [RequestID: Run] = [:]
  /// To which run each request belongs that waits.
  private var membership: [RequestID: RequestID] = [:]
  /// The run whose result will be that of a key; a run that was cancelled or invalidated is none.
  private var current: [InvocationKey: RequestID] = [:]
  private var cache: ResultCache

  private struct Run: Sendable {
    var key: InvocationKey
    /// Who waits for it, in the order in which they came.
    var waiters = WaitingLine<RequestID>()
  }

  /// Makes an invoker.
  ///
  /// - Parameters:
  ///   - timeToLive: How long a result is remembered; until it has to make room if nil, as by default.
  ///   - remembersFailures: Whether what is thrown is remembered too; not by default.
  ///   - limit: How much is remembered: 1,024 results and 16 MiB by default. The oldest make room.
  public init(
    timeToLive: Duration? = nil, remembersFailures: Bool = false,
    limit: QueueLimit = QueueLimit(messages: 1_024, bytes: 16 << 20)
  ) {
    self.timeToLive = timeToLive
    self.remembersFailures = remembersFailures
    cache = ResultCache(limit: limit)
  }

  /// How many results are remembered.
  public var rememberedCount: Int { cache.count }

  /// Answers it with what is remembered, or runs it, or lets it wait for a run that is under way.
  public mutating func admit(_ request: InvokerRequest, now: Duration) -> [InvokerAction] {
    let key = InvocationKey(request)
    if let outcome = cache.find(key, now: now) { return [.answer(request.id, outcome)] }
    if let run = current[key] {
      runs[run]?.waiters.append(request.id, ticket: Ticket(request.id.number))
      membership[request.id] = run
      return []
    }
    var run = Run(key: key)
    run.waiters.append(request.id, ticket: Ticket(request.id.number))
    runs[request.id] = run
    membership[request.id] = request.id
    current[key] = request.id
    return [.run(request.id)]
  }

  /// Answers all that wait for it, and remembers the result.
  public mutating func finished(_ request: RequestID, _ outcome: ServiceOutcome, now: Duration) -> [InvokerAction] {
    guard var run = runs.removeValue(forKey: request) else { return [] }
    if current[run.key] == request {
      current[run.key] = nil
      remember(outcome, of: run.key, now: now)
    }
    return run.waiters.removeAll().map { waiter in
      membership[waiter] = nil
      return .answer(waiter, outcome)
    }
  }

  private mutating func remember(_ outcome: ServiceOutcome, of key: InvocationKey, now: Duration) {
    switch outcome {
    case .cancelled: return
    case .failure where !remembersFailures: return
    case .reply, .failure, .nothing: break
    }
    cache.insert(outcome, for: key, expiry: timeToLive.map { now + $0 })
  }

  /// It leaves; the last one that waits cancels the work.
  public mutating func cancel(_ request: RequestID, now: Duration) -> [InvokerAction] {
    guard let run = membership.removeValue(forKey: request) else { return [] }
    _ = runs[run]?.waiters.remove(Ticket(request.number))
    guard let key = runs[run]?.key, runs[run]?.waiters.isEmpty == true else { return [] }
    // Who comes now must not get the result of what is being cancelled.
    if current[key] == run { current[key] = nil }
    return [.cancel(run)]
  }

  /// Forgets results; what is under way is answered to those that wait, and not remembered.
  public mutating func invalidate(method: String?, arguments: PickledValue?) {
    let digest = arguments.map { Blob(InvocationKey.digest($0)) }
    let isMeant = { (key: InvocationKey) in
      (method == nil || key.method == method) && (digest == nil || key.digest == digest)
    }
    cache.remove(where: isMeant)
    for key in current.keys.filter(isMeant) { current[key] = nil }
  }
}

/// What makes two requests the same: the method and the arguments, whoever encoded them and in whatever order.
struct InvocationKey: Hashable, Sendable {
  let method: String
  /// In place of the arguments: they may be large, or secret.
  let digest: Blob

  init(_ request: InvokerRequest) {
    method = request.method
    digest = Blob(request.digest ?? InvocationKey.digest(request.arguments))
  }

  static func digest(_ arguments: PickledValue) -> [UInt8] {
    var writer = PickleWriter()
    // What was read is not nested too deep to be written.
    try? writer.value(arguments.inOrder)
    var digest = SHA256()
    digest.update(writer.bytes)
    return digest.finish()
  }
}

extension PickledValue {
  /// The value with the entries of all dictionaries in one order, and keywords as a dictionary.
  fileprivate var inOrder: PickledValue {
    switch self {
    case .list(let values): return .list(values.map(\.inOrder))
    case .tuple(let values): return .tuple(values.map(\.inOrder))
    case .dictionary(let entries), .keywords(let entries):
      let ordered = entries.map { Entry($0.key.inOrder, $0.value.inOrder) }
      return .dictionary(ordered.sorted { $0.key.orderingText < $1.key.orderingText })
    default: return self
    }
  }

  /// By which keys are put in order: keys that differ have texts that differ, but for those of long bytes.
  private var orderingText: String {
    switch self {
    case .string(let text): text
    case .bytes(let bytes), .blob(let bytes): "b'\(String(decoding: bytes, as: UTF8.self))'"
    default: "\(typeName) \(self)"
    }
  }
}
