internal import Glibc
internal import Synchronization

extension Router {
  /// How long children may take to end before they are killed.
  nonisolated var shutdownTimeout: Duration {
    parentIDs.isEmpty ? configuration.shutdownTimeout : min(configuration.shutdownTimeout, .seconds(3))
  }

  /// Ends every context below this one, and then the router itself: whoever still waits for a message gets a dead one.
  ///
  /// Returns when all direct children are reaped. Those that do not end within the shutdown time-out are killed.
  public func shutdown() async { await shutdown(timeout: shutdownTimeout) }

  func shutdown(timeout: Duration) async {
    for listener in listeners.end() { listener.enter { $0.close() } }
    // While the children are there: services may have something to tell them.
    await services.end(patience: min(timeout, ServiceHost.patience))
    if !isEnding {
      isEnding = true
      eventHub.tell(.shutdown)
      for (link, stream) in streams.sorted(by: { $0.key < $1.key }) {
        eventHub.tell(.linkShutdown(description(of: link, stream.name)))
      }
      for (link, child) in children.sorted(by: { $0.key < $1.key }) { endChild(link, child) }
      _ = loop.schedule(after: timeout) { [weak self] in self?.enter { $0.killChildren() } }
    }
    if !children.isEmpty { await withCheckedContinuation { endWaiters.append($0) } }
    await endPeers(patience: min(timeout, Router.peerPatience))
    await forks.end()
    finish()
  }

  /// Tells a context to end.
  nonisolated func shutdown(_ context: Context, wait: Bool) async throws {
    if wait {
      try await shutdownAndWait(context)
    } else {
      post(Message(destination: context.id, handle: .shutdown))
    }
  }

  private func shutdownAndWait(_ context: Context) async throws {
    guard context.id != contextID else { throw StreamError("a context does not wait for its own end") }
    guard isReachable(context.id) else { return }
    // A direct child that takes too long is killed; others are killed by their own parents.
    let link = table.link(to: context.id)
    let process = link.flatMap { children[$0] }.flatMap { $0.context == context.id ? $0.process : nil }
    let loop = loop
    let timer = process.map { process in
      loop.schedule(after: shutdownTimeout) { [weak process] in process?.signal(SIGKILL) }
    }
    route(Message(destination: context.id, source: contextID, handle: .shutdown), from: nil)
    nextObserver += 1
    let ticket = nextObserver
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard isReachable(context.id) else { return continuation.resume() }
        shutdownWaiters[context.id, default: [:]][ticket] = continuation
      }
    } onCancel: {
      loop.enqueue { [weak self] in
        self?.enter { router in
          router.shutdownWaiters[context.id]?.removeValue(forKey: ticket)?.resume()
        }
      }
    }
    if let timer { loop.cancel(timer) }
    try Task.checkCancellation()
  }

  /// Closes the link to a neighbour at once; its context sees that and ends. Mitogen's `disconnect`.
  public func disconnect(_ context: Context) {
    guard let link = table.link(to: context.id), table.links[link]?.remote == context.id else { return }
    streams[link]?.enter { $0.close(.ended(isAtBoundary: true)) }
  }

  /// Closes the links to all children. Mitogen's `disconnect_all`.
  public func disconnectAll() {
    let parent = table.parentLink
    for (link, stream) in streams.sorted(by: { $0.key < $1.key }) where link != parent {
      stream.enter { $0.close(.ended(isAtBoundary: true)) }
    }
  }

  private func endChild(_ link: LinkIdentifier, _ child: ChildLink) {
    // One that goes on without this context closes its stream when it has sent what it has to send.
    if child.isDetached { return }
    if child.connecting != nil { return abandon(link, ConnectionError.cancelled(child.name)) }
    guard child.isUp else { return }
    if child.process == nil {
      streams[link]?.enter { $0.close(.ended(isAtBoundary: true)) }
    } else {
      route(Message(destination: child.context, source: contextID, handle: .shutdown), from: nil)
    }
  }

  private func killChildren() {
    for (link, child) in children.sorted(by: { $0.key < $1.key }) {
      guard !child.isDetached else {
        streams[link]?.enter { $0.close(.ended(isAtBoundary: true)) }
        continue
      }
      Router.log.warning("\(child.name) did not end in time, and is killed")
      child.process?.signal(SIGKILL)
    }
  }

  /// A child is gone: the last one lets the end go on.
  func checkEnd() {
    guard isEnding, children.isEmpty else { return }
    for waiter in endWaiters { waiter.resume() }
    endWaiters = []
  }

  private func finish() {
    if !hasEnded { writeProfile() }
    hasEnded = true
    DumpSignal.shared.remove(self)
    callSource.withLock { $0 = nil }
    callDump.withLock { $0 = nil }
    resourceStore.end()
    python.end()
    for waiting in handlers.withLock({ $0.removeAll() }) { deliverDead(DeadReason.brokerExited, to: waiting) }
    for observer in disconnectObservers.values { observer.finish() }
    disconnectObservers = [:]
    for observer in uploadObservers.values { observer.finish() }
    uploadObservers = [:]
    eventHub.end(.exit)
  }
}
