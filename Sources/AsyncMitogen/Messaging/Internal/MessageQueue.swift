import Synchronization

/// The queue that a handler feeds and waiting tasks empty: a ``MessageQueueState`` with a lock and real tasks.
///
/// Concrete, so that none of this is generic code at run time: elements are decoded at the edge, in ``Receiver``.
/// Nothing is called or resumed under the lock.
final class MessageQueue: Sendable {
  /// What a wait ends with.
  enum Outcome: Sendable {
    case message(Message)
    case ended(QueueEnd)
    case cancelled
    case timedOut
  }

  private struct Guarded {
    var state: MessageQueueState<Parked<Outcome>>
    /// The handle while it is registered.
    var handle: Handle?
    /// The Select that shows what arrives, and which of its members this is.
    var membership: SelectMembership?
    /// Called if the first message will not be awaited any more.
    var abandon: (@Sendable () -> Void)?
  }

  /// Where messages come from, and where timers are.
  let port: any MessagePort
  private let guarded: Mutex<Guarded>
  /// The answer that it waits for, if it is for one.
  let awaited: AwaitedAnswer?

  /// Makes a queue that nothing feeds yet; ``open(_:)`` follows.
  init(
    port: any MessagePort, persists: Bool, respondent: ContextID?, limit: QueueLimit, awaited: AwaitedAnswer? = nil
  ) {
    self.port = port
    self.awaited = awaited
    guarded = Mutex(
      Guarded(
        state: MessageQueueState(
          contextID: port.contextID, persists: persists, respondent: respondent, limit: limit)))
  }

  // MARK: Feeding

  /// Notes that messages to `handle` are delivered from now on; some may have been already.
  func open(_ handle: Handle) {
    let isLate = guarded.withLock { guarded in
      // A queue for one message that has ended was removed by the port, and the handle may be someone else's by now.
      guard let end = guarded.state.end else {
        guarded.handle = handle
        return false
      }
      return end.isSilent
    }
    if isLate { port.unregister(handle) }
  }

  /// Takes in a message: the handler. Runs on the router's thread, and never waits.
  func deliver(_ message: Message) {
    var handle: Handle?
    var membership: SelectMembership?
    var forgottenHook: (@Sendable () -> Void)?
    let delivery = guarded.withLock { guarded in
      let delivery = guarded.state.deliver(message)
      if guarded.abandon != nil { forgottenHook = guarded.abandon.take() }
      switch delivery {
      case .queued, .overrun: membership = guarded.membership
      case .handed, .refused: break
      }
      if guarded.state.end != nil {
        membership = guarded.membership
        handle = guarded.handle.take()
      }
      return delivery
    }
    _ = consume forgottenHook  // Released here because what it holds may call back when it goes.
    switch delivery {
    case .queued: break
    case .handed(let waiter, let notices, let released):
      waiter.resume(.message(message))
      tell(notices)
      resumeWithEnd(released)
    case .refused: refuse(message, DeadReason.receiverClosed)
    case .overrun(let flows):
      if let handle { port.unregister(handle) }
      tell(flows, DeadReason.receiverClosed)
      refuse(message, DeadReason.receiverClosed)
    }
    membership?.notify()
  }

  // MARK: Emptying

  /// Waits for the next message; the calling task stays on its actor, and does not suspend if there is one.
  func receive(timeout: Duration?) async -> Outcome {
    switch guarded.withLock({ $0.state.take() }) {
    case .message(let message, let notices):
      tell(notices)
      return .message(message)
    case .ended(let end): return .ended(end)
    case .empty:
      // Asking whether something is there abandons nothing.
      if let timeout, timeout <= .zero { return .timedOut }
      return await wait(timeout)
    }
  }

  private func wait(_ timeout: Duration?) async -> Outcome {
    let ticket = Ticket.next()
    let expiry = Expiry()
    let stopTimer = timeout.map { timeout in
      port.schedule(after: timeout) { [self] in
        expiry.pass()
        leave(ticket, .timedOut)
      }
    }
    defer { stopTimer?() }
    return await park { parked in
      enter(parked, ticket, expiry)
    } leave: { [self] in
      leave(ticket, .cancelled)
    }
  }

  private func enter(_ parked: Parked<Outcome>, _ ticket: Ticket, _ expiry: Expiry) -> Outcome? {
    var hook: (@Sendable () -> Void)?
    var notices: FlowNotices?
    let outcome: Outcome? = guarded.withLock { guarded in
      switch guarded.state.take() {
      case .message(let message, let consumed):
        notices = consumed
        return .message(message)
      case .ended(let end): return .ended(end)
      case .empty: break
      }
      guard !Task.isCancelled, !expiry.isOver else {
        hook = takeHookIfAbandoned(&guarded)
        return Task.isCancelled ? .cancelled : .timedOut
      }
      guarded.state.enter(parked, ticket: ticket)
      return nil
    }
    tell(notices)
    hook?()
    return outcome
  }

  private func leave(_ ticket: Ticket, _ outcome: Outcome) {
    var hook: (@Sendable () -> Void)?
    let waiter = guarded.withLock { guarded -> Parked<Outcome>? in
      guard let waiter = guarded.state.leave(ticket) else { return nil }
      hook = takeHookIfAbandoned(&guarded)
      return waiter
    }
    hook?()
    waiter?.resume(outcome)
  }

  private func takeHookIfAbandoned(_ guarded: inout Guarded) -> (@Sendable () -> Void)? {
    guarded.state.waiterCount == 0 ? guarded.abandon.take() : nil
  }

  // MARK: Ending

  /// Ends the queue and unregisters its handle. What is queued stays readable, then `end` is thrown.
  func close(_ end: QueueEnd = .closed) {
    let (released, flows, handle, hook, membership) = guarded.withLock { guarded in
      let (released, flows) = guarded.state.close(end)
      return (released, flows, guarded.handle.take(), guarded.abandon.take(), guarded.membership)
    }
    if let handle { port.unregister(handle) }
    resumeWithEnd(released)
    tell(flows, DeadReason.receiverClosed)
    hook?()
    membership?.notify()
  }

  /// Installs what is called, once, if nobody waits any more for the first message: at once if the queue is closed.
  func onAbandon(_ hook: @escaping @Sendable () -> Void) {
    let isAbandoned = guarded.withLock { guarded in
      guard !guarded.state.hasReceived else { return false }
      guard guarded.state.end == nil else { return true }
      guarded.abandon = hook
      return false
    }
    if isAbandoned { hook() }
  }

  private func resumeWithEnd(_ waiters: [Parked<Outcome>]) {
    guard !waiters.isEmpty, let end = guarded.withLock({ $0.state.end }) else { return }
    for waiter in waiters { waiter.resume(.ended(end)) }
  }

  // MARK: Telling senders

  private func tell(_ notices: FlowNotices?) {
    guard let notices else { return }
    if let acknowledgement = notices.acknowledgement {
      port.post(
        Message(
          destination: acknowledgement.flow.source, source: port.contextID, handle: acknowledgement.flow.replyTo,
          payload: Array(String(acknowledgement.total).utf8)))
    }
    if let forgotten = notices.forgotten { tell([forgotten], DeadReason.flowForgotten) }
  }

  private func tell(_ flows: [FlowKey], _ reason: String) {
    for flow in flows {
      port.post(.dead(reason, destination: flow.source, source: port.contextID, handle: flow.replyTo))
    }
  }

  private func refuse(_ message: Message, _ reason: String) {
    guard message.replyTo != .none, !message.isDead else { return }
    tell([FlowKey(source: message.source, replyTo: message.replyTo)], reason)
  }
}

// MARK: Looking in

extension MessageQueue {
  /// The handle while messages may come.
  var handle: Handle? { guarded.withLock { $0.handle } }
  /// The number of messages that wait.
  var count: Int { guarded.withLock { $0.state.count } }
  /// The number of tasks that wait.
  var waiterCount: Int { guarded.withLock { $0.state.waiterCount } }
  /// Whether a Select would have something to show.
  var hasEvent: Bool { guarded.withLock { $0.state.count > 0 || $0.state.owesEnd } }
}

// MARK: Being a member of a Select

extension MessageQueue {
  /// Begins membership; nil if another Select owns the queue already, else whether there is something to show.
  func attach(_ membership: SelectMembership) -> Bool? {
    guarded.withLock { guarded in
      guard guarded.membership == nil else { return nil }
      guarded.membership = membership
      return guarded.state.attach()
    }
  }

  /// Ends membership, if it is still this one.
  func detach(_ membership: SelectMembership) {
    // Released outside the lock: what it holds may come back here when it goes.
    let ended = guarded.withLock { $0.membership == membership ? $0.membership.take() : nil }
    _ = consume ended
  }

  /// Which member of `select` this queue is, nil if it is none.
  func membership(of select: SelectCore) -> SelectMembership? {
    guarded.withLock { $0.membership.flatMap { $0.select === select ? $0 : nil } }
  }

  /// Takes what a Select shows next.
  func poll() -> MessageQueueState<Parked<Outcome>>.Poll {
    let poll = guarded.withLock { $0.state.poll() }
    if case .message(_, let notices, _, _) = poll { tell(notices) }
    return poll
  }
}
