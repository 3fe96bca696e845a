// How a pool ends.
extension Pool {
  /// Takes nothing more, and refuses what waits.
  func beginClosing() {
    guard phase == .open else { return }
    phase = .closing
    tell(.shutdown)
    // First of all, so that what comes from now on finds another pool, or none.
    router.services.detach(self)
    for handle in handleServices.keys { router.unregister(handle) }
    for message in intake.close() { router.answer(message, failure: ServiceRefusal.poolClosed) }
    for id in slots.removeWaiting() {
      if deferred.removeValue(forKey: id) != nil {
        Pool.log.warning("deferred work has not begun when the service pool was closed, and is dropped")
      } else if let request = requests[id], let service = services[request.work.service] {
        carryOut(finish(id, closedOutcome), of: service)
      }
    }
    for (_, service) in services.sorted(by: { $0.key < $1.key }) {
      carryOut(service.invoker.close(closedOutcome), of: service)
      for request in service.takeWaiting() { answer(request.id, closedOutcome) }
      service.watch?.stop()
    }
    checkEnd()
  }

  /// Goes on with the end when nothing runs any more.
  func checkEnd() {
    guard phase == .closing, slots.runningCount == 0, activationCount == 0, watchCount == 0 else { return }
    phase = .ending
    // What an invoker has kept to itself.
    for id in requests.keys.sorted() { answer(id, closedOutcome) }
    launchEnd(order.compactMap { services[$0]?.service })
  }

  private nonisolated func launchEnd(_ services: [any Service]) {
    Task(executorPreference: router.loop.tasks) {
      try? await self.inEnvironment {
        for service in services { await service.onShutdown() }
      }
      await self.finishEnd()
    }
  }

  private func finishEnd() {
    lastStatistics = statistics
    phase = .closed
    services = [:]
    requests = [:]
    router.services.forget(self)
    // Before those who wait for it go on, and end the router.
    tell(.exit)
    for waiter in closeWaiters.values { waiter.resume() }
    closeWaiters = [:]
  }

  /// Tells those who observe the pool, and those who observe its router.
  private func tell(_ event: PoolEvent) {
    if event == .exit { eventHub.end(event) } else { eventHub.tell(event) }
    router.eventHub.tell(.pool(event))
  }

  /// Waits until the pool is closed, or the waiting task is cancelled.
  func waitForEnd() async {
    let ticket = Ticket.next()
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if phase == .closed || Task.isCancelled { return continuation.resume() }
        closeWaiters[ticket] = continuation
      }
    } onCancel: {
      leaveWait(ticket)
    }
  }

  private nonisolated func leaveWait(_ ticket: Ticket) {
    Task(executorPreference: router.loop.tasks) { await self.giveUp(ticket) }
  }

  private func giveUp(_ ticket: Ticket) { closeWaiters.removeValue(forKey: ticket)?.resume() }

  /// Closes the pool because its router ends: cancels what runs, and does not wait for it longer than that.
  func end(patience: Duration) async {
    isAborted = true
    beginClosing()
    for (_, request) in requests.sorted(by: { $0.key < $1.key }) { request.task?.cancel() }
    for (_, task) in deferredTasks.sorted(by: { $0.key < $1.key }) { task.cancel() }
    guard phase != .closed else { return }
    let ticket = Ticket.next()
    let (loop, pool) = (router.loop, self)
    let timer = loop.schedule(after: patience) { pool.leaveWait(ticket) }
    await withCheckedContinuation { closeWaiters[ticket] = $0 }
    loop.cancel(timer)
  }
}
