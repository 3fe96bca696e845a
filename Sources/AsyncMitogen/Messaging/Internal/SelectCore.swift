import Synchronization

/// That something is a member of a Select, and which.
struct SelectMembership: Sendable, Equatable {
  let select: SelectCore
  let id: MemberID

  /// Tells the Select that the member has something to show.
  func notify() { select.notify(id) }

  static func == (left: SelectMembership, right: SelectMembership) -> Bool {
    left.select === right.select && left.id == right.id
  }
}

/// A Select without its element's type: a ``SelectState`` with a lock, real members and real tasks.
///
/// Locks: a queue's and a Select's are never held together, so no order is needed among them. Only to put one Select
/// into another takes a lock that all share, so that no two of them can close a circle at the same moment.
final class SelectCore: Sendable {
  /// What is waited for.
  enum Member: Sendable {
    case receiver(ReceiverCore)
    /// The second keeps the Select open whose core is the first.
    case select(SelectCore, any AnyObject & Sendable)
  }

  /// What a member has to show.
  struct Event: Sendable {
    var source: ReceiverCore
    var content: Content

    enum Content: Sendable {
      case message(Message)
      case ended(QueueEnd)
    }
  }

  private enum Outcome: Sendable {
    case claimed(MemberID, Member)
    case noMembers
    case closed
    case cancelled
    case timedOut
  }

  private struct Guarded {
    var state = SelectState<Member, Parked<Outcome>>()
    /// The Select that this one is a member of.
    var membership: SelectMembership?
    /// Where timers are: any member's port.
    var port: (any MessagePort)?
  }

  private static let structure = Mutex<Void>(())

  /// Whether a receiver leaves after it has shown one thing.
  let oneshot: Bool
  private let guarded = Mutex(Guarded())

  /// Makes a Select without members.
  init(oneshot: Bool) { self.oneshot = oneshot }

  // MARK: Members

  /// Adds a receiver.
  func add(_ receiver: ReceiverCore) throws {
    let membership = try begin(.receiver(receiver), port: receiver.queue.port)
    guard let isReady = receiver.queue.attach(membership) else {
      drop(membership.id)
      throw SelectError.owned
    }
    try complete(membership, isReady: isReady) { receiver.queue.detach(membership) }
  }

  /// Adds a Select, which `owner` keeps open.
  func add(_ select: SelectCore, owner: any AnyObject & Sendable) throws {
    try Self.structure.withLock { _ in
      var ancestor: SelectCore? = self
      while let current = ancestor {
        if current === select { throw SelectError.cycle }
        ancestor = current.guarded.withLock { $0.membership?.select }
      }
      let membership = try begin(.select(select, owner), port: select.port)
      guard let isReady = select.attach(membership) else {
        drop(membership.id)
        throw SelectError.owned
      }
      try complete(membership, isReady: isReady) { select.detach(membership) }
    }
  }

  /// Removes a receiver.
  func remove(_ receiver: ReceiverCore) throws {
    guard let membership = receiver.queue.membership(of: self), drop(membership.id) else { throw SelectError.notMember }
  }

  /// Removes a Select.
  func remove(_ select: SelectCore) throws {
    let membership = select.guarded.withLock { $0.membership }
    guard let membership, membership.select === self, drop(membership.id) else { throw SelectError.notMember }
  }

  /// Removes all members and ends every wait.
  func close() {
    let (members, released, parent) = guarded.withLock { guarded in
      let (members, released) = guarded.state.close()
      return (members, released, guarded.membership)
    }
    for (id, member) in members { detach(member, SelectMembership(select: self, id: id)) }
    for waiter in released { waiter.resume(.closed) }
    parent?.notify()
  }

  private func begin(_ member: Member, port: (any MessagePort)?) throws -> SelectMembership {
    let id = guarded.withLock { guarded in
      if guarded.port == nil { guarded.port = port }
      return guarded.state.add(member)
    }
    guard let id else { throw LatchError("the Select has been closed") }
    return SelectMembership(select: self, id: id)
  }

  private func complete(_ membership: SelectMembership, isReady: Bool, undo: () -> Void) throws {
    // Closed between the two steps: it did not know then that there was something to detach.
    guard guarded.withLock({ $0.state.contains(membership.id) }) else {
      undo()
      throw LatchError("the Select has been closed")
    }
    if isReady { notify(membership.id) }
  }

  @discardableResult
  private func drop(_ id: MemberID) -> Bool {
    let (removal, parent) = guarded.withLock { guarded in
      let removal = guarded.state.remove(id)
      return (removal, guarded.state.count == 0 ? guarded.membership : nil)
    }
    guard let (member, released) = removal else { return false }
    detach(member, SelectMembership(select: self, id: id))
    for waiter in released { waiter.resume(.noMembers) }
    parent?.notify()
    return true
  }

  private func detach(_ member: Member, _ membership: SelectMembership) {
    switch member {
    case .receiver(let receiver): receiver.queue.detach(membership)
    case .select(let select, _): select.detach(membership)
    }
  }

  // MARK: Being a member

  private func attach(_ membership: SelectMembership) -> Bool? {
    guarded.withLock { guarded in
      guard guarded.membership == nil else { return nil }
      guarded.membership = membership
      return guarded.state.hasReady || guarded.state.isClosed
    }
  }

  private func detach(_ membership: SelectMembership) {
    let ended = guarded.withLock { $0.membership == membership ? $0.membership.take() : nil }
    _ = consume ended
  }

  // MARK: Events

  /// Notes that a member has something to show.
  func notify(_ id: MemberID) {
    let (signal, parent) = guarded.withLock { ($0.state.signal(id), $0.membership) }
    carryOut(signal, parent)
  }

  private func carryOut(_ signal: SelectState<Member, Parked<Outcome>>.Signal, _ parent: SelectMembership?) {
    switch signal {
    case .nothing: break
    case .ready: parent?.notify()
    case .handed(let waiter, let id, let member): waiter.resume(.claimed(id, member))
    }
  }

  /// Waits for an event; nil if there are no members, or none are left.
  ///
  /// - Throws: `LatchError` if closed, `TimeoutError`, `CancellationError`.
  func event(timeout: Duration?) async throws -> Event? {
    while true {
      switch guarded.withLock({ $0.state.claim() }) {
      case .member(let id, let member): if let event = ask(id, member) { return event }
      case .noMembers: return nil
      case .closed: throw LatchError("the Select has been closed")
      case .nothing:
        if let timeout, timeout <= .zero { throw TimeoutError("waiting for a Select", timeout: timeout) }
        return try await wait(timeout)
      }
    }
  }

  /// Takes an event if there is one.
  private func poll() -> Event? {
    while case .member(let id, let member) = guarded.withLock({ $0.state.claim() }) {
      if let event = ask(id, member) { return event }
    }
    return nil
  }

  /// Asks a claimed member for an event, and ends the claim.
  private func ask(_ id: MemberID, _ member: Member) -> Event? {
    switch member {
    case .receiver(let receiver):
      switch receiver.queue.poll() {
      case .message(let message, _, let hasMore, let isLast):
        if oneshot || isLast { drop(id) } else { finish(id, hasMore: hasMore) }
        return Event(source: receiver, content: .message(message))
      case .ended(let end):
        drop(id)
        return Event(source: receiver, content: .ended(end))
      case .exhausted: drop(id)
      case .empty: finish(id, hasMore: false)
      }
      return nil
    case .select(let select, _):
      let event = select.poll()
      let (isEmpty, isClosed, hasReady) = select.guarded.withLock {
        ($0.state.count == 0, $0.state.isClosed, $0.state.hasReady)
      }
      if isClosed || oneshot && isEmpty { drop(id) } else { finish(id, hasMore: hasReady) }
      return event
    }
  }

  private func finish(_ id: MemberID, hasMore: Bool) {
    let (signal, parent) = guarded.withLock { ($0.state.finish(id, hasMore: hasMore), $0.membership) }
    carryOut(signal, parent)
  }

  // MARK: Waiting

  private func wait(_ timeout: Duration?) async throws -> Event? {
    let ticket = Ticket.next()
    let expiry = Expiry()
    // One timer for the whole wait, which may park several times: what arrived may be gone when it is asked for.
    let stopTimer = timeout.map { timeout in
      schedule(after: timeout) { [self] in
        expiry.pass()
        leave(ticket, .timedOut)
      }
    }
    defer { stopTimer?() }
    while true {
      let outcome = await park { parked in
        enter(parked, ticket, expiry)
      } leave: { [self] in
        leave(ticket, .cancelled)
      }
      switch outcome {
      case .claimed(let id, let member): if let event = ask(id, member) { return event }
      case .noMembers: return nil
      case .closed: throw LatchError("the Select has been closed")
      case .cancelled: throw CancellationError()
      case .timedOut: throw TimeoutError("waiting for a Select", timeout: timeout ?? .zero)
      }
    }
  }

  private func enter(_ parked: Parked<Outcome>, _ ticket: Ticket, _ expiry: Expiry) -> Outcome? {
    guarded.withLock { guarded in
      switch guarded.state.claim() {
      case .member(let id, let member): return .claimed(id, member)
      case .noMembers: return .noMembers
      case .closed: return .closed
      case .nothing: break
      }
      if Task.isCancelled { return .cancelled }
      if expiry.isOver { return .timedOut }
      guarded.state.enter(parked, ticket: ticket)
      return nil
    }
  }

  private func leave(_ ticket: Ticket, _ outcome: Outcome) {
    guarded.withLock { $0.state.leave(ticket) }?.resume(outcome)
  }

  private func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    if let port { return port.schedule(after: delay, action) }
    // Only empty Selects are members: nobody here has met a router yet.
    let timer = Task.detached {
      try await Task.sleep(for: delay)
      action()
    }
    return { timer.cancel() }
  }
}

// MARK: Looking in

extension SelectCore {
  /// Where timers are, once there has been a receiver.
  var port: (any MessagePort)? { guarded.withLock { $0.port } }
  /// Whether there are members.
  var hasMembers: Bool { guarded.withLock { $0.state.count > 0 } }
  /// The number of tasks that wait.
  var waiterCount: Int { guarded.withLock { $0.state.waiterCount } }
  /// The number of messages that wait in all members.
  var size: Int {
    allMembers.reduce(0) { sum, member in
      switch member {
      case .receiver(let receiver): sum + receiver.queue.count
      case .select(let select, _): sum + select.size
      }
    }
  }
  /// Whether any member has something to show.
  var hasEvent: Bool {
    allMembers.contains { member in
      switch member {
      case .receiver(let receiver): receiver.queue.hasEvent
      case .select(let select, _): select.hasEvent
      }
    }
  }

  /// The members, in no order.
  var allMembers: [Member] { guarded.withLock { $0.state.all } }
}
