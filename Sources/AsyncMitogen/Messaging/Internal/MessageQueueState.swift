/// Why a queue gets no more messages.
struct QueueEnd: Sendable {
  /// What waits after it throw.
  var error: any Error
  /// Whether an iteration ends at it without an error.
  var isOrderly: Bool
  /// Whether a Select has to be told of it, because no message says it.
  var isSilent: Bool

  /// This process closed the queue.
  static var closed: QueueEnd {
    QueueEnd(error: ChannelError(DeadReason.receiverClosed), isOrderly: true, isSilent: true)
  }
  /// The queue was for one message, which has come.
  static var complete: QueueEnd {
    QueueEnd(error: ChannelError(DeadReason.onlyMessageReceived), isOrderly: true, isSilent: false)
  }
  /// A router said that it has removed the handler.
  static func disconnected(_ error: ChannelError) -> QueueEnd {
    QueueEnd(error: error, isOrderly: false, isSilent: false)
  }
  /// The queue could not begin, or was overrun.
  static func failed(_ error: any Error) -> QueueEnd { QueueEnd(error: error, isOrderly: false, isSilent: true) }
}

/// The queue of a receiver: messages that wait for tasks, or tasks that wait for messages, never both.
///
/// Messages that were queued when the queue ended are still delivered, then the end's error. (Mitogen's `Latch` and
/// `Receiver` lose them: there a `get()` after `close()` fails at once.)
///
/// Generic over who waits, so that tests can use names where the queue has continuations.
struct MessageQueueState<Waiter> {
  /// What an arriving message does.
  enum Delivery {
    /// It waits.
    case queued
    /// It is for this waiter. The others are to hear of the end, if this was the last message.
    case handed(Waiter, FlowNotices?, released: [Waiter])
    /// The queue has ended: nobody will see it.
    case refused
    /// There is no room for it, and the queue has ended now; these senders are to hear of it.
    case overrun(flows: [FlowKey])
  }

  /// What a waiter finds.
  enum Taking {
    case message(Message, FlowNotices?)
    case ended(QueueEnd)
    case empty
  }

  /// What a Select finds.
  enum Poll {
    /// A message. If `hasMore`, ask again; if `isLast`, there is no point in asking again.
    case message(Message, FlowNotices?, hasMore: Bool, isLast: Bool)
    /// The end, which is told once.
    case ended(QueueEnd)
    /// Nothing, now and for ever.
    case exhausted
    /// Nothing now.
    case empty
  }

  /// The context that messages are received in.
  let contextID: ContextID
  /// Whether more than one message may come.
  let persists: Bool
  /// The context whose disconnection ends the queue.
  let respondent: ContextID?
  /// How much may be queued.
  let limit: QueueLimit

  private struct Item {
    var message: Message
    /// Whether its sender keeps to its window, so that the limit does not concern it.
    var isCovered: Bool
  }

  private var items = RingBuffer<Item>()
  /// What counts towards the limit.
  private var messages = 0
  private var bytes = 0
  /// What does not.
  private var covered = SourceTally()
  private var waiters = WaitingLine<Waiter>()
  private var flows: ReceivedFlows
  /// Whether a Select has still to be told of the end.
  private(set) var owesEnd = false

  /// Why no more messages come, nil while they may.
  private(set) var end: QueueEnd?
  /// Whether any message has come.
  private(set) var hasReceived = false

  /// Makes an empty queue.
  init(
    contextID: ContextID, persists: Bool = true, respondent: ContextID? = nil, limit: QueueLimit = .standard,
    flows: ReceivedFlows = ReceivedFlows()
  ) {
    self.contextID = contextID
    self.persists = persists
    self.respondent = respondent
    self.limit = limit
    self.flows = flows
  }

  /// The number of messages that wait.
  var count: Int { items.count }
  /// The number of tasks that wait.
  var waiterCount: Int { waiters.count }

  /// Takes in a message.
  mutating func deliver(_ message: Message) -> Delivery {
    guard end == nil else { return .refused }
    hasReceived = true
    if let waiter = waiters.popFirst() {
      end = end(after: message)
      return .handed(waiter, consume(message), released: end == nil ? [] : waiters.removeAll())
    }
    let size = message.flowSize
    // However many contexts send, those that wait for us must not make us fail together.
    let isCovered = message.replyTo.isFlow && covered[message.source] <= flows.window
    if !isCovered, messages > 0, messages >= limit.messages || size > limit.bytes - bytes {
      end = .failed(
        ChannelError("the Receiver's limit of \(limit.messages) messages, \(limit.bytes) bytes is exceeded"))
      owesEnd = true
      return .overrun(flows: openFlows())
    }
    end = end(after: message)
    items.append(Item(message: message, isCovered: isCovered))
    if isCovered {
      covered.add(size, for: message.source)
    } else {
      messages += 1
      bytes += size
    }
    return .queued
  }

  /// Takes the first message, if there is one; those who wait have precedence, but then there is none.
  mutating func take() -> Taking {
    guard let message = popFirst() else { return end.map { .ended($0) } ?? .empty }
    return .message(message, consume(message))
  }

  /// Puts a waiter at the end of the line; only after ``take()`` said that the queue is empty.
  mutating func enter(_ waiter: Waiter, ticket: Ticket) { waiters.append(waiter, ticket: ticket) }

  /// Takes a waiter out of the line, nil if it has its message already.
  mutating func leave(_ ticket: Ticket) -> Waiter? { waiters.remove(ticket) }

  /// Ends the queue; nothing if it has ended, but a queue that was complete is closed then.
  mutating func close(_ reason: QueueEnd = .closed) -> (released: [Waiter], flows: [FlowKey]) {
    if let end {
      if !end.isSilent, end.isOrderly { self.end = reason }
      return ([], [])
    }
    end = reason
    owesEnd = true
    return (waiters.removeAll(), openFlows())
  }

  /// Begins membership in a Select; says whether that should ask at once.
  mutating func attach() -> Bool {
    // An end that no Select has told of yet is worth an event of its own, also if it was a message that told of it.
    if let end { owesEnd = end.isSilent || items.isEmpty }
    return !items.isEmpty || end != nil
  }

  /// Takes what a Select shows next.
  mutating func poll() -> Poll {
    if let message = popFirst() {
      let isEmpty = items.isEmpty
      return .message(
        message, consume(message), hasMore: !isEmpty || owesEnd, isLast: isEmpty && end != nil && !owesEnd)
    }
    guard let end else { return .empty }
    guard owesEnd else { return .exhausted }
    owesEnd = false
    return .ended(end)
  }

  private mutating func popFirst() -> Message? {
    guard let item = items.popFirst() else { return nil }
    if item.isCovered {
      covered.subtract(item.message.flowSize, for: item.message.source)
    } else {
      messages -= 1
      bytes -= item.message.flowSize
    }
    return item.message
  }

  private mutating func consume(_ message: Message) -> FlowNotices? {
    guard let flow = FlowKey(message) else { return nil }
    return flows.consume(flow, bytes: message.flowSize)
  }

  /// What a message says about those that might come after it.
  private func end(after message: Message) -> QueueEnd? {
    if !persists { return .complete }
    guard message.isDead else { return nil }
    let error = ChannelError(dead: message, in: contextID, respondent: respondent)
    switch error.reason {
    // Any context may say this to a handler without a respondent, so there it must be our own router that does.
    case DeadReason.respondentDisconnected where respondent != nil || message.source == contextID,
      DeadReason.brokerExited where message.source == contextID:
      return .disconnected(error)
    default: return nil
    }
  }

  /// Everyone who may be waiting for us to consume something.
  private func openFlows() -> [FlowKey] {
    var keys = Set(flows.keys)
    items.visit { if let key = FlowKey($0.message) { keys.insert(key) } }
    // In an order that does not depend on where a set lies in memory.
    return keys.sorted { ($0.source, $0.replyTo) < ($1.source, $1.replyTo) }
  }
}
