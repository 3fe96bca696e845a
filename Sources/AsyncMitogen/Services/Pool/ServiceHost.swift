internal import Synchronization

/// The place of a router's pool: gives service calls to the pool that is there, and in a child makes one for the first.
///
/// The handles stay registered while pools come and go, and all messages pass here, on the broker and in their order:
/// none can be lost, doubled or overtaken between one pool and the next.
final class ServiceHost: Sendable {
  private struct State: Sendable {
    var intake: PoolIntake?
    /// Nil for the moment between a pool's place and the pool.
    var pool: Pool?
    /// Pools that are closed, in which methods still run that their callers may give up.
    var closing: [Pool] = []
    /// Whether parents' calls make pools, as in a child.
    var makesPools = false
    var hasHandles = false
    var isEnded = false
  }

  /// How long methods may take to react to being cancelled when the router ends.
  static let patience = Duration.milliseconds(500)

  private let state = Mutex(State())

  /// The pool that takes calls; nil if there is none.
  var pool: Pool? { state.withLock { $0.pool } }

  // MARK: pools

  /// Makes the calls of parents bring a pool into being. Called at the start of a child.
  func makePools(_ router: Router) {
    state.withLock {
      $0.makesPools = true
      $0.hasHandles = true
    }
    try? register(router, overwrites: true)
  }

  /// Keeps the place for a pool that is being made.
  ///
  /// - Throws: ``StreamError`` if there is a pool, or something else has the handle.
  func reserve(_ intake: PoolIntake, _ router: Router) throws {
    let needsHandles = try state.withLock { state in
      guard state.intake == nil, !state.isEnded else {
        throw StreamError(
          state.isEnded ? "the router has ended" : "cannot register a handle that already exists")
      }
      state.intake = intake
      defer { state.hasHandles = true }
      return !state.hasHandles
    }
    guard needsHandles else { return }
    do {
      try register(router, overwrites: false)
    } catch {
      state.withLock {
        $0.intake = nil
        $0.hasHandles = false
      }
      throw error
    }
  }

  /// The pool is there; what came meanwhile waits at its door.
  func attach(_ pool: Pool) {
    let isWanted = state.withLock { state in
      guard state.intake === pool.intake else { return false }
      state.pool = pool
      return true
    }
    // Not here and now: the pool is still being made.
    if isWanted { pool.router.loop.enqueue(pool) }
  }

  /// A pool takes no more requests: it is not handed out again.
  func detach(_ pool: Pool) {
    state.withLock { state in
      state.closing.append(pool)
      guard state.intake === pool.intake else { return }
      state.intake = nil
      state.pool = nil
    }
  }

  /// Nothing runs in a pool any more that has been closed.
  func forget(_ pool: Pool) { state.withLock { $0.closing.removeAll { $0 === pool } } }

  /// There will be no pool any more. Cancels what runs in those there are, and waits for its end, but no longer than that.
  func end(patience: Duration) async {
    let pools = state.withLock { state in
      state.isEnded = true
      return state.closing + (state.pool.map { [$0] } ?? [])
    }
    await withTaskGroup(of: Void.self) { group in
      for pool in pools { group.addTask { await pool.end(patience: patience) } }
    }
  }

  // MARK: messages

  private func register(_ router: Router, overwrites: Bool) throws {
    var registration = HandlerRegistration(handle: .callService, overwrites: overwrites)
    // While there is no pool only parents are heard; later each method says who may call it.
    registration.policy = { [weak self, weak router] message, _ in
      guard let self, let router else { return false }
      let isOpen = state.withLock { $0.intake != nil || !$0.makesPools }
      return isOpen || router.hasParentAuthority(message)
    }
    _ = try router.handlers.withLock {
      try $0.register(registration, action: .router { router, message, _ in router.services.receive(message, router) })
    }
    var traced = HandlerRegistration(handle: .tracedService, overwrites: overwrites)
    traced.policy = registration.policy
    _ = try router.handlers.withLock {
      try $0.register(
        traced,
        action: .router { router, message, _ in
          TracingState.turnOn()
          router.services.receive(message, router)
        })
    }
    // Contexts with a dispatcher have the handle; it tells this place too.
    _ = try? router.handlers.withLock {
      try $0.register(
        HandlerRegistration(handle: .cancelCall),
        action: .router { router, message, _ in router.services.cancel(message) })
    }
  }

  private func receive(_ message: Message, _ router: isolated Router) {
    guard !message.isDead else { return }
    // One that has been closed since it was looked for is not found again.
    while let intake = place(router) {
      if offer(message, to: intake, router) { return }
    }
    if state.withLock({ $0.isEnded }) { return router.answer(message, failure: ServiceRefusal.poolClosed) }
    if message.replyTo != .none {
      router.post(.dead(DeadReason.invalidHandle, destination: message.source, handle: message.replyTo))
    }
  }

  /// The door of the pool that is there, or of a new one.
  private func place(_ router: Router) -> PoolIntake? {
    let (intake, mayMake) = state.withLock { ($0.intake, $0.makesPools && !$0.isEnded) }
    guard intake == nil, mayMake else { return intake }
    // Another thread may make one just now: that one has the place then, and this one is not used.
    _ = Pool(router: router)
    return state.withLock { $0.intake }
  }

  /// Puts a request before a pool's door, or refuses it; false if the pool has been closed.
  func offer(_ message: Message, to intake: PoolIntake, _ router: Router) -> Bool {
    switch intake.offer(.request(message)) {
    case .accepted(let wakesPool): if wakesPool { wake(intake) }
    case .full: router.answer(message, failure: ServiceRefusal.tooMany(intake.limit))
    case .closed: return false
    }
    return true
  }

  /// Nobody waits for a call any more: its source says so, and only that can.
  func cancel(_ message: Message) {
    guard !message.isDead, let key = CallAdmission.Key(cancelling: message) else { return }
    note(.cancel(key))
  }

  /// A context can no longer be reached: nobody there waits for anything.
  func contextIsGone(_ context: ContextID) { note(.gone(context)) }

  private func note(_ item: PoolIntake.Item) {
    let (intake, closing) = state.withLock { ($0.intake, $0.closing) }
    if let intake, case .accepted(wakesPool: true) = intake.offer(item) { wake(intake) }
    for pool in closing {
      if case .accepted(wakesPool: true) = pool.intake.offer(item) { pool.enter { $0.takeSome() } }
    }
  }

  /// Lets the pool take what has come; on the lane. A pool that is being made looks by itself.
  private func wake(_ intake: PoolIntake) {
    let pool = state.withLock { $0.intake === intake ? $0.pool : nil }
    pool?.enter { $0.takeSome() }
  }
}

extension Router {
  /// Answers a call with an error.
  nonisolated func answer(_ message: Message, failure: any Error) {
    answer(message, payload: CallReply.failure(CallError(describing: failure, in: contextID)))
  }

  /// Answers a call, if its caller wants an answer.
  nonisolated func answer(_ message: Message, payload: [UInt8]) {
    guard message.replyTo != .none else { return }
    post(Message(destination: message.source, handle: message.replyTo, encoding: .pickle, payload: payload))
  }
}
