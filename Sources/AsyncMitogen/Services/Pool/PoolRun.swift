/// A request that runs: its method, in a task of its own, and its end, of which the pool hears.
struct PoolRun: Sendable {
  let work: PoolWork
  let pool: Pool

  /// Runs the method on its service.
  ///
  /// The task begins on the service, and so do the checks of the arguments: to begin elsewhere would cost two changes of
  /// actors more for each request.
  func launch<Host: Service>(on host: Host, _ invoke: @escaping AnyServiceMethod<Host>.Invocation) -> Task<Void, Never>
  {
    func start(_ host: isolated Host) -> Task<Void, Never> {
      Task(executorPreference: pool.router.loop.tasks) {
        _ = host
        let (outcome, end) =
          pool.router.callProfile == nil ? await outcome(host, invoke) : await measuredOutcome(host, invoke)
        pool.note(.ended(work.id, outcome, end))
      }
    }
    // Safe: an isolated function differs from a plain one in its type alone, and this one touches nothing of the service;
    // only the closure in it does, which is isolated to the service wherever it is made.
    let make = unsafe unsafeBitCast(
      start as (isolated Host) -> Task<Void, Never>, to: ((Host) -> Task<Void, Never>).self)
    return make(host)
  }

  /// Ends without having run.
  func fail(_ error: any Error) -> Task<Void, Never> {
    let failure = CallError(describing: error, in: pool.router.contextID)
    return Task(executorPreference: pool.router.loop.tasks) { pool.note(.ended(work.id, .failure(failure), nil)) }
  }

  /// How it ended for those who wait, and for those who count if that is something else.
  private func outcome<Host: Service>(
    _ host: isolated Host, _ invoke: AnyServiceMethod<Host>.Invocation
  ) async -> (ServiceOutcome, MethodTally.End?) {
    guard !Task.isCancelled else { return (.cancelled, nil) }
    let arguments = ServiceArguments(message: work.message, method: work.method, userInfo: pool.userInfo)
    do {
      let payload = try await pool.inEnvironment {
        try await ServiceCall.binding.withValue(ServiceCall(message: work.message, pool: pool)) {
          TracingState.isOn ? try await traced(host, invoke, arguments) : try await invoke(host, arguments)
        }
      }
      return (payload.map { .reply($0) } ?? .nothing, nil)
    } catch let refusal as RefusedArguments {
      return (.failure(CallError(describing: refusal.reason, in: pool.router.contextID)), .refused)
    } catch {
      return self.failure(error)
    }
  }

  @inline(never)
  private func measuredOutcome<Host: Service>(
    _ host: isolated Host, _ invoke: AnyServiceMethod<Host>.Invocation
  ) async -> (ServiceOutcome, MethodTally.End?) {
    guard let profile = pool.router.callProfile else { return await outcome(host, invoke) }
    let start = pool.router.loop.now
    let outcome = await outcome(host, invoke)
    profile.add("\(work.service).\(work.method.name)", nanoseconds: pool.router.loop.now &- start)
    return outcome
  }

  /// Runs the method with what travelled with the call.
  @inline(never)
  private func traced<Host: Service>(
    _ host: isolated Host, _ invoke: AnyServiceMethod<Host>.Invocation, _ arguments: ServiceArguments
  ) async throws -> [UInt8]? {
    let call = TracedCall(
      name: "\(work.service).\(work.method.name)", caller: work.message.source, callee: pool.router.contextID,
      isService: true)
    return try await CallTracing.run(call, work.fields) { try await invoke(host, arguments) }
  }

  /// What becomes of what a method throws.
  private func failure(_ error: any Error) -> (ServiceOutcome, MethodTally.End?) {
    if error is CancellationError, Task.isCancelled { return (.cancelled, nil) }
    let described = CallError(describing: error, in: pool.router.contextID)
    let name = "\(work.service).\(work.method.name)"
    if !work.method.sendsReply {
      Pool.log.error("While calling no-reply method \(name): \(described)")
      return (.nothing, .failed)
    }
    if work.message.replyTo == .none {
      Pool.log.error("While invoking \(name), whose caller expects no reply: \(described)")
    } else {
      Pool.log.debug("While invoking \(name): \(described)")
    }
    return (.failure(described), nil)
  }
}
