internal import Synchronization

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
    router.loop.enqueue(self)
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
  private func admit(_ arrived: Message, _ tally: inout MethodTally?) throws {
    guard phase == .open else { throw ServiceRefusal.poolClosed }
    let (message, fields) = arrived.withoutFields
    let (description, method) = try target(of: message)
    tally = services[description.name]?.tally.methods[method.index]
    let question = PolicyRequest(
      service: description.type, serviceName: description.name, methodName: method.name, message: message,
      router: router)
    guard method.policy.isAuthorized(question) else {
      throw ServiceRefusal.unauthorized(method.name, of: description.name)
    }
    let id = nextID()
    let work = PoolWork(
      id: id, message: message, service: description.name, method: method, fields: fields,
      doorBytes: PoolIntake.size(of: arrived))
    let invokerRequest = try invokerRequest(for: work, description.strategy.interest)
    let request = PoolRequest(work, tally ?? activate(description).methods[method.index])
    request.tally.arrived()
    requests[id] = request
    if let key = request.key { requestsByCaller[key] = id }
    if let invokerRequest {
      queue(invokerRequest, for: description.name)
    } else {
      read(work)
    }
  }

  /// What an invoker wants to know of a request; nil if that is to be read aside.
  ///
  /// - Throws: That the arguments cannot be read.
  private func invokerRequest(for work: PoolWork, _ interest: InvokerStrategy.Interest) throws -> InvokerRequest? {
    var request = InvokerRequest(work.id, method: work.method.name)
    let payload = work.message.payload
    switch interest {
    case .none: break
    case _ where payload.count > Pool.readLimit: return nil
    case .arguments: request.arguments = try work.method.keywords(work.message).value
    case .digest:
      if let digest = digests.find(payload) {
        request.digest = digest
      } else {
        let digest = InvocationKey.digest(try work.method.keywords(work.message).value)
        digests.remember(digest, of: payload)
        request.digest = digest
      }
    }
    return request
  }

  /// The service and the method that a request names.
  ///
  /// - Throws: That there is none.
  private func target(of message: Message) throws -> (ServiceDescription, MethodDescription) {
    let isStandard = message.handle == .callService && message.encoding != .binary
    if isStandard, let known = targets.find(message.payload) { return known.value }
    let (name, methodName) = try names(message)
    let description = try description(of: name, for: message)
    guard let method = description.methods[methodName] else { throw ServiceRefusal.noSuchMethod(methodName) }
    // One that is not there yet has to be permitted each time.
    if isStandard, services[name] != nil { targets.remember(message.payload, (description, method)) }
    return (description, method)
  }

  private func names(_ message: Message) throws -> (service: String, method: String) {
    guard message.handle != .callService else { return try ServiceRequest.names(message) }
    guard let name = handleServices[message.handle] else { throw ServiceRefusal.poolClosed }
    return (name, HandleServiceMethod.name)
  }

  /// How many bytes a request may have to be read on the loop, for an invoker that looks at the arguments.
  static let readLimit = 65_536

  /// Reads the arguments of a large request aside, for its invoker: others may overtake it meanwhile.
  private nonisolated func read(_ work: PoolWork) {
    Task(executorPreference: router.loop.tasks) {
      do {
        let arguments = try work.method.keywords(work.message).value
        var request = InvokerRequest(work.id, method: work.method.name, arguments: arguments)
        request.digest = InvocationKey.digest(arguments)
        self.note(.read(request))
      } catch {
        self.note(.unreadable(work.id, CallError(describing: error, in: self.router.contextID)))
      }
    }
  }

  /// Gives a request to its service's invoker, once the service is there.
  private func queue(_ request: InvokerRequest, for name: String) {
    guard let service = services[name] else { return answer(request.id, closedOutcome) }
    if service.service == nil {
      service.wait(request)
    } else {
      submit(request, to: service)
    }
  }

  /// Gives a request to its service's invoker.
  func submit(_ request: InvokerRequest, to service: PoolService) {
    guard requests[request.id] != nil else { return }
    carryOut(service.invoker.admit(request, now: now), of: service)
  }

  var now: Duration { .nanoseconds(Int64(clamping: router.loop.now)) }

  // MARK: what invokers want

  /// Does what an invoker wants, and what it wants on hearing of that.
  func carryOut(_ actions: [InvokerAction], of service: PoolService) {
    let name = service.description.name
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
      // Mitogen's own clients ask for an answer, do not wait for it, and fail if it comes.
      router.understands(message.source) { [router] understands in
        guard understands else { return }
        router.post(.dead(ServiceRefusal.sendsNoReply, destination: message.source, handle: message.replyTo))
      }
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
    intake.leave(bytes: request.work.doorBytes)
  }

  /// Nobody waits for a request any more.
  private func cancel(_ id: RequestID) {
    guard let request = requests[id] else { return }
    let name = request.work.service
    settle(request, as: .cancelled)
    guard let service = services[name] else { return }
    if service.service == nil {
      service.forget(id)
    } else {
      carryOut(service.invoker.cancel(id, now: now), of: service)
    }
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
    request.task = request.work.method.launch(service, PoolRun(work: request.work, pool: self))
  }

  /// Something has happened outside of the pool; from any thread, without waiting.
  nonisolated func note(_ event: PoolEvents.Event) {
    if pendingEvents.withLock({ $0.add(event) }) { router.loop.enqueue(self) }
  }

  /// Takes what has happened.
  func takeEvents() {
    for event in pendingEvents.withLock({ $0.take() }) {
      switch event {
      case .ended(let id, let outcome, let end): ended(id, outcome, as: end)
      case .read(let request): if let name = requests[request.id]?.work.service { queue(request, for: name) }
      case .unreadable(let id, let error):
        requests[id]?.end = .refused
        answer(id, .failure(error))
      }
    }
  }

  private func ended(_ id: RequestID, _ outcome: ServiceOutcome, as end: MethodTally.End?) {
    if let request = requests[id] {
      request.tally.stopped()
      request.end = end
    } else if deferredTasks.removeValue(forKey: id) != nil {
      deferred[id] = nil
    }
    if let next = slots.release() { start(next) }
    if let request = requests[id], let service = services[request.work.service] {
      carryOut(finish(id, outcome), of: service)
    }
    checkEnd()
  }

  private nonisolated func launch(
    _ id: RequestID, _ work: @escaping @Sendable @concurrent () async throws -> Void
  ) -> Task<Void, Never> {
    Task(executorPreference: router.loop.tasks) {
      do { try await self.inEnvironment { try await work() } } catch {
        Pool.log.error("While handling deferred work: \(error)")
      }
      self.note(.ended(id, .nothing, nil))
    }
  }
}
