// The way of a request: through the door, its checks, its invoker, room in the pool, and to its answer.
extension Pool {
  // MARK: what comes

  /// Takes what stands at the door; in portions, so that those who come without end do not keep methods from ending.
  func takeSome() {
    for _ in 0..<64 {
      switch intake.take() {
      case .request(let message): receive(message)
      case .cancel(let key): if let id = requestsByCaller[key] { cancel(id) }
      case .gone(let context):
        for (key, id) in requestsByCaller.filter({ $0.key.source == context }) where requestsByCaller[key] == id {
          cancel(id)
        }
      case nil: return
      }
    }
    wake()
  }

  private func receive(_ message: Message) {
    var tally: MethodTally?
    do {
      try admit(message, &tally)
    } catch {
      intake.leave(message)
      if let tally { tally.ended(.refused) } else { refusedCount += 1 }
      router.answer(message, failure: error)
    }
  }

  /// - Parameter tally: Where a refusal counts, as soon as that is known.
  /// - Throws: Why the request is refused.
  private func admit(_ message: Message, _ tally: inout MethodTally?) throws {
    guard phase == .open else { throw ServiceRefusal.poolClosed }
    let (name, methodName) = try names(message)
    let description = try description(of: name, for: message)
    guard let method = description.methods[methodName] else { throw ServiceRefusal.noSuchMethod(methodName) }
    let question = PolicyRequest(
      service: description.type, serviceName: name, methodName: methodName, message: message, router: router)
    tally = services[name]?.tally.methods[method.index]
    guard method.policy.isAuthorized(question) else { throw ServiceRefusal.unauthorized(methodName, of: name) }
    let arguments: PickledValue =
      description.strategy.seesArguments ? try method.keywords(message).value : .none
    let id = nextID()
    let request = PoolRequest(
      PoolWork(id: id, message: message, service: name, method: method),
      tally ?? activate(description).methods[method.index])
    request.tally.arrived()
    requests[id] = request
    if let key = request.key { requestsByCaller[key] = id }
    if services[name]?.service == nil {
      services[name]?.wait(id, arguments)
    } else {
      submit(id, arguments, to: name)
    }
  }

  private func names(_ message: Message) throws -> (service: String, method: String) {
    guard message.handle != .callService else { return try ServiceRequest.names(message) }
    guard let name = handleServices[message.handle] else { throw ServiceRefusal.poolClosed }
    return (name, HandleServiceMethod.name)
  }

  /// Gives a request to its service's invoker.
  func submit(_ id: RequestID, _ arguments: PickledValue, to name: String) {
    guard let method = requests[id]?.work.method.name else { return }
    let request = InvokerRequest(id, method: method, arguments: arguments)
    carryOut(services[name]?.invoker.admit(request, now: now) ?? [], of: name)
  }

  var now: Duration { .nanoseconds(Int64(clamping: router.loop.now)) }

  // MARK: what invokers want

  /// Does what an invoker wants, and what it wants on hearing of that.
  func carryOut(_ actions: [InvokerAction], of name: String) {
    var line = actions
    var position = 0
    while position < line.count {
      switch line[position] {
      case .run(let id):
        guard let request = requests[id], request.work.service == name, request.stage == .admitted else { break }
        if phase != .open {
          line += finish(id, closedOutcome)
        } else if slots.enter(id) {
          start(id)
        } else {
          request.stage = .lined
        }
      case .answer(let id, let outcome): answer(id, outcome)
      case .cancel(let id):
        guard let request = requests[id], request.work.service == name else { break }
        switch request.stage {
        case .running: request.task?.cancel()
        case .lined:
          _ = slots.leave(id)
          line += finish(id, .cancelled)
        case .admitted, .ended: break
        }
      }
      position += 1
    }
  }

  var closedOutcome: ServiceOutcome {
    .failure(CallError(describing: ServiceRefusal.poolClosed, in: router.contextID))
  }

  /// A request that was to run has run, or never will.
  func finish(_ id: RequestID, _ outcome: ServiceOutcome) -> [InvokerAction] {
    guard let request = requests[id] else { return [] }
    if case .failure = outcome, request.stage != .running { request.end = .refused }
    request.stage = .ended
    request.task = nil
    removeIfDone(request)
    return services[request.work.service]?.invoker.finished(id, outcome, now: now) ?? []
  }

  // MARK: answers

  func answer(_ id: RequestID, _ outcome: ServiceOutcome) {
    guard let request = requests[id], !request.isSettled else { return }
    // What has not been told to run when the pool closes, and gets an error, is refused.
    if phase != .open, request.stage == .admitted, case .failure = outcome { request.end = .refused }
    settle(request, as: request.end ?? MethodTally.End(outcome))
    let message = request.work.message
    switch outcome {
    case .reply(let payload): router.answer(message, payload: payload)
    case .failure(let error): router.answer(message, payload: CallReply.failure(error))
    case .cancelled:
      // Cancelled because this context ends: that it is gone is what callers hear, as those of functions do.
      if !isAborted { router.answer(message, failure: CancellationError()) }
    case .nothing:
      guard message.replyTo != .none else { break }
      router.post(.dead(ServiceRefusal.sendsNoReply, destination: message.source, handle: message.replyTo))
    }
  }

  /// A request is answered, or nobody waits for its answer.
  private func settle(_ request: PoolRequest, as end: MethodTally.End) {
    request.isSettled = true
    request.tally.ended(end)
    if let key = request.key, requestsByCaller[key] == request.work.id { requestsByCaller[key] = nil }
    leaveLine(request)
    removeIfDone(request)
  }

  private func removeIfDone(_ request: PoolRequest) {
    guard request.isDone else { return }
    requests[request.work.id] = nil
  }

  private func leaveLine(_ request: PoolRequest) {
    guard request.isWaiting else { return }
    request.isWaiting = false
    request.tally.left()
    intake.leave(request.work.message)
  }

  /// Nobody waits for a request any more.
  private func cancel(_ id: RequestID) {
    guard let request = requests[id] else { return }
    let name = request.work.service
    settle(request, as: .cancelled)
    guard services[name]?.service != nil else {
      services[name]?.forget(id)
      return
    }
    carryOut(services[name]?.invoker.cancel(id, now: now) ?? [], of: name)
  }

  // MARK: running

  /// There is room for a request, or for work of the program.
  func start(_ id: RequestID) {
    if let work = deferred[id] {
      deferredTasks[id] = launch(id, work)
      return
    }
    guard let request = requests[id], let service = services[request.work.service]?.service else { return }
    leaveLine(request)
    request.stage = .running
    request.tally.began()
    request.task = launch(request.work, service)
  }

  private func ended(_ id: RequestID, _ outcome: ServiceOutcome, as end: MethodTally.End? = nil) {
    if let request = requests[id] {
      request.tally.stopped()
      request.end = end
    } else {
      deferred[id] = nil
      deferredTasks[id] = nil
    }
    if let next = slots.release() { start(next) }
    if let name = requests[id]?.work.service { carryOut(finish(id, outcome), of: name) }
    checkEnd()
  }

  private nonisolated func launch(_ work: PoolWork, _ service: any Service) -> Task<Void, Never> {
    Task(executorPreference: router.loop.tasks) {
      let (outcome, end) = await self.run(work, service)
      await self.ended(work.id, outcome, as: end)
    }
  }

  private nonisolated func launch(
    _ id: RequestID, _ work: @escaping @Sendable @concurrent () async throws -> Void
  ) -> Task<Void, Never> {
    Task(executorPreference: router.loop.tasks) {
      do { try await self.inEnvironment { try await work() } } catch {
        Pool.log.error("While handling deferred work: \(error)")
      }
      await self.ended(id, .nothing)
    }
  }

  /// Runs a method; returns how it ended for those who wait, and for those who count if that is something else.
  private nonisolated func run(
    _ work: PoolWork, _ service: any Service
  ) async -> (ServiceOutcome, MethodTally.End?) {
    let (message, method) = (work.message, work.method)
    guard !Task.isCancelled else { return (.cancelled, nil) }
    let bound: MethodDescription.BoundMethod
    do {
      bound = try method.bind(ServiceArguments(keywords: try method.keywords(message), router: router))
    } catch {
      return (.failure(CallError(describing: error, in: router.contextID)), .refused)
    }
    do {
      let payload = try await inEnvironment {
        try await ServiceCall.binding.withValue(ServiceCall(message: message, pool: self)) { try await bound(service) }
      }
      return (payload.map { .reply($0) } ?? .nothing, nil)
    } catch {
      if error is CancellationError, Task.isCancelled { return (.cancelled, nil) }
      let described = CallError(describing: error, in: router.contextID)
      let name = "\(work.service).\(method.name)"
      if !method.sendsReply {
        Pool.log.error("While calling no-reply method \(name): \(described)")
        return (.nothing, .failed)
      }
      if message.replyTo == .none {
        Pool.log.error("While invoking \(name), whose caller expects no reply: \(described)")
      } else {
        Pool.log.debug("While invoking \(name): \(described)")
      }
      return (.failure(described), nil)
    }
  }
}
