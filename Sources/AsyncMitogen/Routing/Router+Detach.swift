internal import Synchronization

/// How a context goes on without its parent, and how its parent lets it go.
extension Router {
  /// How long a parent that has everything may take to close its side of the link.
  private static let closingPatience = Duration.seconds(1)

  // MARK: the child

  /// Makes this context a root. See ``ExternalContext/detach(timeout:)``.
  func detach(timeout: Duration) async throws {
    guard detachment.phase != .detached else { return }
    guard detachHooks != nil, detachment.isGoingOn || table.parentLink != nil else {
      throw StreamError("only a context that was started by another one can detach from it")
    }
    if detachment.begin() { beginDetaching(timeout) }
    let ticket = Ticket.next()
    let timer = loop.schedule(after: timeout) { [weak self] in
      self?.enter {
        $0.detachWaiters.removeValue(forKey: ticket)?.resume(
          throwing: TimeoutError("the parent to let this context go", timeout: timeout))
      }
    }
    defer { loop.cancel(timer) }
    let loop = loop
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { detachWaiters[ticket] = $0 }
    } onCancel: {
      loop.enqueue { [weak self] in
        self?.enter { $0.detachWaiters.removeValue(forKey: ticket)?.resume(throwing: CancellationError()) }
      }
    }
  }

  private func beginDetaching(_ timeout: Duration) {
    table.standInForIdentifiers(true)
    addRootHandlers()
    // If it is gone before it has answered, this context goes on nevertheless.
    let orphaned = parentEnded
    parentEnded = { $0.finishDetaching() }
    Task(executorPreference: loop.tasks) { await self.reserveNumbers(timeout, orphaned) }
  }

  private func reserveNumbers(
    _ timeout: Duration, _ orphaned: (@Sendable (isolated Router) -> Void)?
  ) async {
    // What others here have asked for is theirs; they ask again, here, when it is over.
    while isAllocatingBlock { await withCheckedContinuation { blockWaiters.append($0) } }
    isAllocatingBlock = true
    do {
      let block = try await askForBlock(timeout: timeout)
      guard detachment.reserve(block) else { return endAllocatingBlock() }
      try askParent(orphaned)
    } catch {
      failDetaching(error, orphaned)
    }
  }

  private func askParent(_ orphaned: (@Sendable (isolated Router) -> Void)?) throws {
    guard let parent = table.parentID else { return }
    let registration = HandlerRegistration(persists: false, respondent: parent)
    let handle = try handlers.withLock { handlers in
      try handlers.register(
        registration,
        action: .router { router, reply, _ in
          // That the parent is gone is no refusal.
          guard router.table.parentLink != nil else { return }
          guard !reply.isDead else {
            return router.failDetaching(
              ChannelError(dead: reply, in: router.contextID, respondent: parent), orphaned)
          }
          router.leaveParent()
        })
    }
    route(Message(destination: parent, source: contextID, handle: .detaching, replyTo: handle), from: nil)
  }

  /// It stays a child.
  private func failDetaching(_ error: any Error, _ orphaned: (@Sendable (isolated Router) -> Void)?) {
    guard let held = detachment.fail() else { return endAllocatingBlock() }
    table.standInForIdentifiers(false)
    parentEnded = orphaned
    endAllocatingBlock()
    for request in held { route(request, from: nil) }
    for (_, waiter) in takeDetachWaiters() { waiter.resume(throwing: error) }
  }

  /// The parent has answered, and sends nothing more.
  private func leaveParent() {
    guard let held = detachment.acknowledge(), let link = table.parentLink else { return }
    detachHooks?.leaving()
    takeOverNumbers(held)
    flushOutbox()
    // Programs in between keep the end of a stream to themselves as long as this process lives.
    if parentIsOfOurKind, let parent = table.parentID {
      route(Message(destination: parent, source: contextID, handle: .detached), from: nil)
    }
    streams[link]?.enter { $0.finishSending() }
  }

  /// The parent has been sent all that there was for it.
  func parentHasEverything() {
    guard let link = table.parentLink else { return }
    _ = loop.schedule(after: Router.closingPatience) { [weak self] in
      self?.enter { $0.streams[link]?.enter { $0.close(.ended(isAtBoundary: true)) } }
    }
  }

  /// The link to the parent is gone.
  private func finishDetaching() {
    // If the parent is gone before it was left, that is still to be done.
    let wasLeft = detachment.phase == .leaving
    let held = detachment.finish()
    if !wasLeft {
      detachHooks?.leaving()
      takeOverNumbers(held)
    }
    becomeRoot()
    detachHooks?.detached()
    Router.log.info("context \(contextID) has detached")
    for (_, waiter) in takeDetachWaiters() { waiter.resume() }
  }

  /// From now on this context gives out numbers, also to those who have waited for that.
  private func takeOverNumbers(_ held: [Message]) {
    let highest = max(table.highestKnownContext, allocator.highest)
    allocator = detachment.firstNumber.map { .root(from: $0) } ?? .root(beyond: highest)
    endAllocatingBlock()
    for request in held { answerAllocateID(request) }
  }

  private func takeDetachWaiters() -> [(Ticket, CheckedContinuation<Void, any Error>)] {
    defer { detachWaiters = [:] }
    return Array(detachWaiters)
  }

  // MARK: the parent

  /// A child goes on without this context.
  func receiveDetaching(_ message: Message, _ link: LinkIdentifier?) {
    guard !message.isDead else { return }
    guard let link, let child = children[link], child.isUp, !child.isDetached, child.context == message.source,
      !isEnding
    else {
      let name = link.flatMap { streams[$0]?.name } ?? "this context"
      Router.log.warning("bad DETACHING received on \(name): \(message)")
      guard message.replyTo != .none else { return }
      return route(
        .dead(
          DeadReason.refusedByPolicy, destination: message.source, source: contextID, handle: message.replyTo),
        from: nil)
    }
    children[link]?.isDetached = true
    reply(to: message, encoding: .pickle, payload: Pickle.none)
    // Behind the answer nothing is sent: it would be lost.
    table.closeForSending(link)
    if child.isItself { child.process?.release() }
  }

  /// A child that goes on without this context has sent all that it had to.
  func receiveDetached(_ message: Message, _ link: LinkIdentifier?) {
    guard !message.isDead, let link, let child = children[link], child.isDetached, child.context == message.source
    else { return }
    streams[link]?.enter { $0.close(.ended(isAtBoundary: true)) }
  }
}
