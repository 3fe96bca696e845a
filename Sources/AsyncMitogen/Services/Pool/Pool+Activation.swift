// Services that are not there yet.
extension Pool {
  /// What is known of a service that is called: it is there, on its way, or may be made for this call.
  ///
  /// - Throws: ``ServiceError``.
  func description(of name: String, for message: Message) throws -> ServiceDescription {
    if let service = services[name] { return service.description }
    if let description = declared[name] { return description }
    let request = ActivationRequest(serviceName: name, message: message, router: router)
    guard activator.isPermitted(request) else { throw ServiceRefusal.notActive(name) }
    guard let type = activator.serviceType(named: name) else { throw ServiceRefusal.unknown(name) }
    return try ServiceDescription.of(type, name: name)
  }

  /// Begins to make a service; calls to it wait from now on.
  func activate(_ description: ServiceDescription) -> ServiceTally {
    let entry = PoolService(description, nil)
    insert(entry)
    activationCount += 1
    launchActivation(description)
    return entry.tally
  }

  private nonisolated func launchActivation(_ description: ServiceDescription) {
    Task(executorPreference: router.loop.tasks) {
      let result: Result<any Service, any Error>
      do {
        result = .success(
          try await self.inEnvironment {
            try await self.activator.activate(description.type, router: self.router)
          })
      } catch {
        result = .failure(error)
      }
      await self.activated(description.name, result)
    }
  }

  private func activated(_ name: String, _ result: Result<any Service, any Error>) {
    activationCount -= 1
    guard let entry = services[name] else { return checkEnd() }
    let waiting = entry.takeWaiting()
    switch result {
    case .success(let service):
      entry.service = service
      order.append(name)
      declared[name] = nil
      watch(name)
      for request in waiting { submit(request, to: entry) }
    case .failure(let error):
      // The next call tries again.
      refusedCount += services[name]?.tally.methodCounts.reduce(waiting.count) { $0 + $1.ended } ?? 0
      services[name] = nil
      targets.removeAll()
      Pool.log.error("\(name) cannot be made: \(error)")
      let outcome = ServiceOutcome.failure(CallError(describing: error, in: router.contextID))
      for request in waiting { answer(request.id, outcome) }
    }
    checkEnd()
  }

  // MARK: events

  func watchAll() {
    for name in order { watch(name) }
  }

  /// Begins to bring a service what comes to its receivers.
  func watch(_ name: String) {
    guard phase == .open, let entry = services[name], entry.watch == nil, let service = entry.service,
      let watch = ServiceWatch(service)
    else { return }
    entry.watch = watch
    watchCount += 1
    launch(watch)
  }

  private nonisolated func launch(_ watch: ServiceWatch) {
    Task(executorPreference: router.loop.tasks) {
      try? await self.inEnvironment { await watch.run() }
      await self.watchEnded()
    }
  }

  private func watchEnded() {
    watchCount -= 1
    checkEnd()
  }
}
