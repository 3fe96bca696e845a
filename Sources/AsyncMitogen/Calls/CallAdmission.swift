/// Which calls run in a context, which wait, and which fail because their chain has failed. Pure.
struct CallAdmission: Sendable {
  /// Names a call while it is there.
  typealias Identifier = UInt64

  /// By which the caller names a call: where its reply goes.
  struct Key: Hashable, Sendable {
    var source: ContextID
    var replyTo: Handle
  }

  /// A call that is to be started.
  struct Start: Sendable {
    var identifier: Identifier
    var message: Message
    var chain: String?
    /// The reply that it gets instead of running: its chain has failed.
    var failure: [UInt8]?
  }

  enum Decision: Sendable {
    case start(Start)
    case queued
    /// Too many calls wait.
    case refused(String)
  }

  private struct Waiting: Sendable {
    var message: Message
    var chain: String?
  }

  private struct Chain: Sendable {
    var isRunning = false
    var waiting = RingBuffer<Message>()
    var failure: [UInt8]?
  }

  private struct Running: Sendable {
    var identifier: Identifier
    var key: Key?
    var chain: String?
    /// What it calls, and when it began by the loop's clock.
    var payload: [UInt8]
    var since: UInt64
    var task: Task<Void, Never>?
    var isCancelled = false
  }

  let runningLimit: Int
  let waitingLimit: Int
  let waitingBytesLimit: Int
  /// How many chains are remembered that have failed.
  static let failedChainLimit = 4_096

  private var running: [Running?] = []
  private var freeSlots: [Int] = []
  private var waiting = RingBuffer<Waiting>()
  private var chains: [String: Chain] = [:]
  private var failedChains = RingBuffer<String>()
  /// Calls that nobody waits for any more, and that wait themselves.
  private var abandoned: Set<Key> = []
  private var started: UInt64 = 0
  /// How many calls run.
  private(set) var runningCount = 0
  private(set) var waitingCount = 0
  private(set) var waitingBytes = 0
  private(set) var isClosed = false

  init(runningLimit: Int, waitingLimit: Int, waitingBytesLimit: Int = 256 << 20) {
    self.runningLimit = max(1, runningLimit)
    self.waitingLimit = max(0, waitingLimit)
    self.waitingBytesLimit = waitingBytesLimit
  }

  /// How many calls have begun since the beginning.
  var startedCount: UInt64 { started }

  /// A call that runs, for people.
  struct RunningCall: Sendable {
    /// Who called, and where the reply goes; nil if nobody waits for one.
    var key: Key?
    var chain: String?
    var payload: [UInt8]
    var since: UInt64
    var isCancelled: Bool
  }

  /// The calls that run, in the order in which they began.
  var runningCalls: [RunningCall] {
    running.compactMap { $0 }.sorted { $0.identifier < $1.identifier }.map {
      RunningCall(key: $0.key, chain: $0.chain, payload: $0.payload, since: $0.since, isCancelled: $0.isCancelled)
    }
  }

  /// Whether no call runs, and none will.
  var isIdle: Bool { isClosed && runningCount == 0 }

  /// How many chains are known: they have a call, or have failed.
  var chainCount: Int { chains.count }

  /// A call has come.
  mutating func admit(_ message: Message, chain: String?, at now: @autoclosure () -> UInt64 = 0) -> Decision {
    guard !isClosed else { return .refused("this context is ending") }
    if let chain {
      var state = chains[chain] ?? Chain()
      guard !state.isRunning else {
        if let refusal = queueRefusal(message) { return .refused(refusal) }
        state.waiting.append(message)
        noteWaiting(message)
        chains[chain] = state
        return .queued
      }
      state.isRunning = true
      chains[chain] = state
    }
    return admitToRun(message, chain, now)
  }

  private mutating func admitToRun(_ message: Message, _ chain: String?, _ now: () -> UInt64) -> Decision {
    guard runningCount >= runningLimit else { return .start(start(message, chain, now())) }
    if let refusal = queueRefusal(message) {
      if let chain { endOfChainCall(chain) }
      return .refused(refusal)
    }
    waiting.append(Waiting(message: message, chain: chain))
    noteWaiting(message)
    return .queued
  }

  /// A call has ended; returns those that may start now.
  ///
  /// - Parameter now: When those begin.
  mutating func finished(
    _ identifier: Identifier, failure: [UInt8]?, at now: @autoclosure () -> UInt64 = 0
  ) -> [Start] {
    guard let slot = slot(of: identifier), let ended = running[slot].take() else { return [] }
    freeSlots.append(slot)
    runningCount -= 1
    // The usual case: nothing waits for this one.
    if ended.chain == nil, waiting.isEmpty { return [] }
    var starts: [Start] = []
    if let chain = ended.chain {
      if let failure, chains[chain]?.failure == nil { fail(chain, with: failure) }
      if let message = chains[chain]?.waiting.popFirst() {
        forgetWaiting(message)
        if case .start(let start) = admitToRun(message, chain, now) { starts.append(start) }
      } else {
        endOfChainCall(chain)
      }
    }
    while runningCount < runningLimit, let first = waiting.popFirst() {
      forgetWaiting(first.message)
      starts.append(start(first.message, first.chain, now()))
    }
    return starts
  }

  /// The task of a call that was started; true if it is to be cancelled at once.
  mutating func setTask(_ task: Task<Void, Never>, of identifier: Identifier) -> Bool {
    guard let slot = slot(of: identifier) else { return false }
    running[slot]?.task = task
    return running[slot]?.isCancelled == true
  }

  /// Nobody waits for a call any more; returns its task, if it has one by now.
  mutating func cancel(_ key: Key) -> Task<Void, Never>? {
    // Looked for one by one: cancelling is rare, and starting is not.
    guard let slot = running.firstIndex(where: { $0?.key == key }) else {
      // It may wait; more than can wait are not remembered.
      if waitingCount > abandoned.count { abandoned.insert(key) }
      return nil
    }
    running[slot]?.isCancelled = true
    return running[slot]?.task
  }

  /// Whether a call was abandoned while it waited; it need not run then.
  mutating func takeAbandoned(_ message: Message) -> Bool {
    guard !abandoned.isEmpty else { return false }
    return abandoned.remove(Key(source: message.source, replyTo: message.replyTo)) != nil
  }

  /// Forgets that a chain has failed. Calls that wait in it run again.
  mutating func forget(_ chain: String) {
    guard chains[chain]?.failure != nil else { return }
    chains[chain]?.failure = nil
    // It leaves the line too: failing again, it would stand there twice, and be forgotten in place of an older one.
    failedChains.keep(where: { $0 != chain })
    if chains[chain]?.isRunning == false { chains[chain] = nil }
  }

  /// No call starts any more; returns the tasks that run, and the messages that waited.
  mutating func close() -> (tasks: [Task<Void, Never>], waiting: [Message]) {
    isClosed = true
    var messages: [Message] = []
    while let first = waiting.popFirst() { messages.append(first.message) }
    for chain in chains.keys.sorted() {
      while let message = chains[chain]?.waiting.popFirst() { messages.append(message) }
    }
    for slot in running.indices { running[slot]?.isCancelled = true }
    (waitingCount, waitingBytes) = (0, 0)
    return (running.compactMap { $0?.task }, messages)
  }

  // MARK: inside

  private func slot(of identifier: Identifier) -> Int? {
    let slot = Int(identifier & 0xffff_ffff)
    return slot < running.count && running[slot]?.identifier == identifier ? slot : nil
  }

  private mutating func start(_ message: Message, _ chain: String?, _ now: UInt64) -> Start {
    // The slot in the lower half; what came before in that slot has another upper half.
    started += 1
    let slot = freeSlots.popLast() ?? running.count
    let identifier = started << 32 | UInt64(slot)
    let key = message.replyTo == .none ? nil : Key(source: message.source, replyTo: message.replyTo)
    let call = Running(identifier: identifier, key: key, chain: chain, payload: message.payload, since: now)
    if slot == running.count { running.append(call) } else { running[slot] = call }
    runningCount += 1
    return Start(identifier: identifier, message: message, chain: chain, failure: chain.flatMap { chains[$0]?.failure })
  }

  private mutating func fail(_ chain: String, with failure: [UInt8]) {
    chains[chain]?.failure = failure
    failedChains.append(chain)
    // The one that failed first is forgotten first.
    while failedChains.count > CallAdmission.failedChainLimit, let first = failedChains.popFirst() { forget(first) }
  }

  private mutating func endOfChainCall(_ chain: String) {
    chains[chain]?.isRunning = false
    if chains[chain]?.failure == nil { chains[chain] = nil }
  }

  private func queueRefusal(_ message: Message) -> String? {
    if waitingCount >= waitingLimit { return "more than \(waitingLimit) calls wait already" }
    if waitingCount > 0, waitingBytes + message.payload.count > waitingBytesLimit {
      return "the calls that wait hold more than \(waitingBytesLimit) bytes already"
    }
    return nil
  }

  private mutating func noteWaiting(_ message: Message) {
    waitingCount += 1
    waitingBytes += message.payload.count
  }

  private mutating func forgetWaiting(_ message: Message) {
    waitingCount -= 1
    waitingBytes -= message.payload.count
    // Who gave up on a call that had ended just then is not remembered for ever. The last call that waited starts now,
    // and still has to hear of it.
    if waitingCount == 0, !abandoned.isEmpty {
      let key = Key(source: message.source, replyTo: message.replyTo)
      abandoned = abandoned.contains(key) ? [key] : []
    }
  }
}

extension CallAdmission.Key {
  /// The call that a CANCEL_CALL message means; nil if it means none.
  init?(cancelling message: Message) {
    guard let number = UInt32(String(decoding: message.payload.prefix(16), as: UTF8.self)) else { return nil }
    self.init(source: message.source, replyTo: Handle(rawValue: number))
  }
}
