internal import Synchronization

/// What every router answers by itself.
extension Router {
  /// What a context of ours can do beyond Mitogen's protocol, as it tells others.
  static let capabilities = "cancel,window,trace"

  /// Registers the standard handlers of a master or a child.
  nonisolated func addStandardHandlers() {
    add(.addRoute, policy: .immediateChild) { $0.receiveAddRoute($1, $2) }
    add(.deleteRoute, policy: .immediateChild) { $0.receiveDeleteRoute($1, $2) }
    add(.printed, policy: .immediateChild) { $0.receivePrinted($1, $2) }
    add(.detaching, policy: .immediateChild) { $0.receiveDetaching($1, $2) }
    add(.keepAlive, policy: .immediateChild) { router, _, _ in router.keepAliveMessages &+= 1 }
    add(.detached, policy: .immediateChild) { $0.receiveDetached($1, $2) }
    add(.getModule, policy: .immediateChild) { $0.python.receiveGetModule($1, $2, $0) }
    add(.getResource, policy: .immediateChild) { $0.resourceStore.receiveRequest($1, $2, $0) }
    add(.loadResource, policy: .parent) { router, message, _ in router.resourceStore.receiveAnswer(message, router) }
    add(.capabilities, policy: nil) { router, message, _ in
      router.reply(to: message, payload: Array(Router.capabilities.utf8))
    }
    add(.diagnostics, policy: .parent) { router, message, _ in router.answerDiagnostics(message) }
    if parentIDs.isEmpty { addRootHandlers() } else { addPythonHandlers() }
  }

  /// Registers what parents send to contexts that have Python ones below them.
  private nonisolated func addPythonHandlers() {
    add(.loadModule, policy: .parent) { router, message, _ in router.python.receiveLoadModule(message, router) }
    add(.forwardModule, policy: .parent) { router, message, _ in router.python.receiveForwardModule(message, router) }
  }

  /// Registers what only the root of a tree answers.
  nonisolated func addRootHandlers() {
    add(.allocateID, policy: nil) { router, message, _ in router.receiveAllocateID(message) }
    add(.forwardLog, policy: nil) { router, message, _ in router.receiveLog(message) }
    add(.pythonDescription, policy: nil) { router, message, _ in router.python.answerDescription(message, router) }
  }

  nonisolated func add(
    _ handle: Handle, policy: StandardPolicy?,
    _ action: @escaping @Sendable (isolated Router, Message, LinkIdentifier?) -> Void
  ) {
    var registration = HandlerRegistration(handle: handle, overwrites: true)
    registration.standardPolicy = policy
    // A handler that replaces another cannot be refused.
    _ = try? handlers.withLock { try $0.register(registration, action: .router(action)) }
  }

  /// Answers a message, if it wants an answer.
  func reply(to message: Message, encoding: MessageEncoding = .legacy, payload: [UInt8]) {
    guard message.replyTo != .none, !message.isDead else { return }
    route(
      Message(
        // From whom it was asked: a context that has become a root answers for the master.
        destination: message.source, source: message.destination, handle: message.replyTo, encoding: encoding,
        payload: payload), from: nil)
  }

  // MARK: routes

  private func receiveAddRoute(_ message: Message, _ link: LinkIdentifier?) {
    guard let link, !message.isDead else { return }
    let text = String(decoding: message.payload.prefix(1_024), as: UTF8.self)
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let number = parts.first.flatMap({ UInt32($0) }) else {
      return Router.log.error("ADD_ROUTE that names no context from context \(message.source)")
    }
    let context = ContextID(rawValue: number)
    switch table.addRoute(to: context, over: link) {
    case .refused(let reason): return Router.log.error(reason)
    case .added: break
    }
    let name = parts.count > 1 ? String(parts[1].prefix(500)) : nil
    if let name { names.withLock { $0.set(context, name) } }
    eventHub.tell(.connected(Context(router: self, id: context, name: name)))
    announce(context, name)
  }

  /// Tells the parent, if there is one, that a context is below this one.
  func announce(_ context: ContextID, _ name: String?) {
    guard let parent = table.parentID else { return }
    let text = name.map { "\(context):\($0)" } ?? "\(context)"
    route(
      Message(destination: parent, source: contextID, handle: .addRoute, payload: Array(text.utf8)), from: nil)
  }

  private func receiveDeleteRoute(_ message: Message, _ link: LinkIdentifier?) {
    guard let link, !message.isDead else { return }
    let text = String(decoding: message.payload.prefix(8_192), as: UTF8.self)
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let number = parts.first.flatMap({ UInt32($0) }) else {
      return Router.log.error("DEL_ROUTE that names no context from context \(message.source)")
    }
    let context = ContextID(rawValue: number)
    switch table.removeRoute(to: context, over: link) {
    case .refused(let reason): Router.log.error(reason)
    case .unknown where link != table.parentLink: break
    case .unknown, .removed:
      contextIsGone(context, detail: parts.count > 1 ? String(parts[1]) : nil, tellParent: link != table.parentLink)
    }
  }

  /// A context can no longer be reached: whoever waits for it is told, here, above and below.
  func contextIsGone(_ context: ContextID, detail: String?, tellParent: Bool) {
    let name = names.withLock { $0[context] }
    if tellParent, let parent = table.parentID { sendDeleteRoute(of: context, detail, to: parent) }
    for link in table.linksToTell(ofEndOf: context) {
      guard let remote = table.links[link]?.remote, remote != context else { continue }
      sendDeleteRoute(of: context, detail, to: remote)
    }
    let text = DeadReason.respondentDisconnected + (detail.map { "\n" + $0 } ?? "")
    for waiting in handlers.withLock({ $0.removeWaiting(for: context) }) {
      deliverDead(text, to: waiting)
    }
    services.contextIsGone(context)
    resourceStore.contextIsGone(context)
    python.contextIsGone(context)
    let event = Disconnect(context: Context(router: self, id: context, name: name), detail: detail)
    eventHub.tell(.disconnected(event))
    for (_, observer) in disconnectObservers.sorted(by: { $0.key < $1.key }) { observer.yield(event) }
    let waiters = shutdownWaiters.removeValue(forKey: context) ?? [:]
    for (_, waiter) in waiters.sorted(by: { $0.key < $1.key }) { waiter.resume() }
    names.withLock { $0.remove(context) }
    kinds.withLock { $0.remove(context) }
  }

  func sendDeleteRoute(of context: ContextID, _ detail: String?, to neighbour: ContextID) {
    // Only neighbours of our kind are told why: others expect a number and nothing else.
    let text = if let detail, isOfOurKind(neighbour) { "\(context):\(detail)" } else { "\(context)" }
    route(
      Message(destination: neighbour, source: contextID, handle: .deleteRoute, payload: Array(text.utf8)), from: nil)
  }

  func deliverDead(_ reason: String, to waiting: (handle: Handle, action: HandlerTable.Action)) {
    let message = Message.dead(reason, destination: contextID, source: contextID, handle: waiting.handle)
    switch waiting.action {
    case .closure(let closure): closure(message)
    case .reply(let pending): pending.finish(message)
    case .queue(let queue): queue.deliver(message)
    case .router(let action): action(self, message, nil)
    }
  }

  // MARK: context identifiers

  private func receiveAllocateID(_ message: Message) {
    // While it is not known yet which numbers are this context's to give, whoever asks waits.
    guard !detachment.holdsRequests else {
      if let refused = detachment.hold(message) { refuseAllocateID(refused) }
      return
    }
    answerAllocateID(message)
  }

  private func refuseAllocateID(_ message: Message) {
    guard message.replyTo != .none, !message.isDead else { return }
    route(
      .dead(
        "no context identifiers are left", destination: message.source, source: message.destination,
        handle: message.replyTo), from: nil)
  }

  func answerAllocateID(_ message: Message) {
    guard let block = allocator.allocateBlock() else { return refuseAllocateID(message) }
    var writer = PickleWriter()
    writer.begin()
    writer.integer(Int(block.lowerBound))
    writer.integer(Int(block.upperBound))
    writer.tuple2()
    writer.end()
    reply(to: message, encoding: .pickle, payload: writer.bytes)
  }

  /// A new context identifier: from the master's counter, or from this context's block. Mitogen's `allocate_id`.
  ///
  /// - Throws: ``ChannelError`` if the master cannot be asked, ``CancellationError``.
  public func allocateID() async throws -> ContextID {
    while true {
      if let id = allocator.allocate() { return id }
      guard !isAllocatingBlock else {
        await withCheckedContinuation { blockWaiters.append($0) }
        continue
      }
      isAllocatingBlock = true
      defer { endAllocatingBlock() }
      allocator.receive(try await askForBlock(timeout: nil))
    }
  }

  /// Others may ask the master for numbers now.
  func endAllocatingBlock() {
    isAllocatingBlock = false
    for waiter in blockWaiters { waiter.resume() }
    blockWaiters = []
  }

  /// Asks the master for numbers.
  func askForBlock(timeout: Duration?) async throws -> Range<UInt32> {
    let reply = try await request(
      Message(destination: .master, handle: .allocateID), respondent: .master, timeout: timeout)
    guard let pair = try? PickleDecoder().decode([UInt32].self, from: reply.payload), pair.count == 2,
      pair[0] < pair[1]
    else { throw StreamError("the master answered ALLOCATE_ID with something else than a block") }
    return pair[0]..<pair[1]
  }

  // MARK: logs

  private func receiveLog(_ message: Message) {
    guard !message.isDead else { return }
    let name = names.withLock { $0[message.source] }
    LoggingSystem.shared.receive(message.payload, from: message.source, named: name)
  }
}

/// A context can no longer be reached.
public struct Disconnect: Sendable {
  /// Which one.
  public let context: Context
  /// What is known of its end: exit status or signal, and the last lines that it printed.
  public let detail: String?
}
