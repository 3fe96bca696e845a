internal import AsyncMitogen

/// Runs jobs that take longer than those who want their results may stay: each in a child of its own.
///
/// ```swift
/// let job = try await JobService.start(Backup(path: "/srv"), in: host)
/// // Later, or in another context that was given `job`:
/// let state = try await job.get().state
/// let output = try await job.result(on: router)
/// ```
///
/// Whoever has started a job may go away, and so may those who listen: it goes on, and its result is kept for some time.
/// A job ends with the service's own context. Parents start and cancel jobs; whoever knows a job's name, which cannot be
/// guessed, may ask and listen. This is what Mitogen's extension for Ansible calls `JobResultService`.
actor JobService: Service {
  private let router: Router
  private let limits: JobLimits
  private let start = ContinuousClock.now
  private var table: JobTable
  private var listeners: JobListeners<Sender<JobNotice>>
  private var tasks: [JobID: Task<Void, Never>] = [:]
  private var deliveries: [Int: Task<Void, Never>] = [:]
  private var lastDelivery = 0
  private var watch: Task<Void, Never>?
  private var isEnding = false

  /// How long listeners may take for the last that they hear when the service ends.
  private static let patience = Duration.milliseconds(500)

  init(router: Router) { self.init(router: router, limits: JobLimits()) }

  init(router: Router, limits: JobLimits) {
    self.router = router
    self.limits = limits
    table = JobTable(limits: limits)
    listeners = JobListeners(limit: limits.listeners)
  }

  /// How many jobs run, how many that have ended are remembered, and how many listeners there are.
  var counts: (running: Int, finished: Int, listeners: Int) {
    (table.runningCount, table.finishedCount, listeners.count)
  }

  private var now: Duration { start.duration(to: .now) }

  // MARK: jobs

  /// Begins a job; returns at once.
  func begin(_ request: Request) throws(JobError) -> JobID {
    guard !isEnding else { throw JobError(.closing) }
    guard JobRunner.find(request.type) != nil else { throw JobError(.unknownType) }
    guard request.arguments.count <= limits.valueBytes else {
      throw JobError(
        .tooLarge, "arguments of \(request.arguments.count) bytes, where \(limits.valueBytes) are allowed")
    }
    let id = JobID.random()
    try table.start(id)
    // A task of the service's, not of the call's: it does not matter what becomes of the caller.
    tasks[id] = launch { await $0.perform(request, id) }
    return id
  }

  /// Begins a task of the service's, where its methods run.
  private nonisolated func launch(
    _ work: @escaping @Sendable (isolated JobService) async -> Void
  ) -> Task<Void, Never> {
    Task(executorPreference: router.taskExecutor) { await work(self) }
  }

  private func perform(_ request: Request, _ id: JobID) async {
    var context: Context?
    do {
      let child = try await router.local()
      context = child
      table.attach(id, to: child.id)
      let output = try await child.call(request.type, request.arguments, id) { type, arguments, id in
        try await JobRunner.run(type, arguments, id)
      }
      finish(id, .success(output))
    } catch {
      finish(id, .failure(error))
    }
    if let context {
      // In a task that is not cancelled: this has to be done in any case.
      await Task(executorPreference: router.taskExecutor) { try? await context.shutdown() }.value
    }
    tasks[id] = nil
  }

  private func finish(_ id: JobID, _ result: Result<[UInt8], any Error>) {
    if let notice = table.finish(id, result, now: now) { tell(notice, of: id) }
  }

  func notice(of id: JobID) throws(JobError) -> JobNotice { try table.notice(id, now: now) }

  func update(_ id: JobID, from context: ContextID, _ update: [UInt8]) throws(JobError) {
    tell(try table.push(id, from: context, update), of: id)
  }

  func cancel(_ id: JobID) throws(JobError) {
    guard try notice(of: id).state == .running else { return }
    tasks[id]?.cancel()
  }

  // MARK: listeners

  func add(_ listener: Sender<JobNotice>, of context: ContextID, to id: JobID) throws(JobError) {
    guard !isEnding else { throw JobError(.closing) }
    let notice = try notice(of: id)
    try listeners.add(listener, of: context, to: id)
    if watch == nil {
      watch = Task(executorPreference: router.taskExecutor) { [weak self, router] in
        await JobService.watch(router) { self }
      }
    }
    if listeners.tell(notice, of: id, listener) { deliver(to: listener, of: id) }
  }

  func remove(_ listener: Sender<JobNotice>, from id: JobID) { listeners.remove(listener, from: id) }

  private func remove(of context: ContextID) { listeners.remove(of: context) }

  /// Notes which contexts are gone, as long as there is a service.
  private static func watch(_ router: Router, _ service: @escaping @Sendable () -> JobService?) async {
    for await event in await router.disconnects {
      guard let service = service() else { return }
      await service.remove(of: event.context.id)
    }
  }

  private func tell(_ notice: JobNotice, of id: JobID) {
    for listener in listeners.tell(notice, of: id) { deliver(to: listener, of: id) }
  }

  /// Sends to a listener as long as there is something to send, as fast as it takes it.
  private func deliver(to listener: Sender<JobNotice>, of id: JobID) {
    lastDelivery += 1
    let number = lastDelivery
    deliveries[number] = launch { service in
      defer { service.deliveries[number] = nil }
      do {
        while let notice = service.listeners.next(listener, of: id) {
          try await listener.send(notice)
          guard notice.state != .running else { continue }
          // Nothing comes after the end.
          listener.close()
          service.listeners.remove(listener, from: id)
        }
      } catch {
        service.listeners.remove(listener, from: id)
      }
    }
  }

  // MARK: the end

  /// Cancels the jobs, and tells those who listen.
  func onShutdown() async {
    isEnding = true
    for task in tasks.values { task.cancel() }
    for task in tasks.values { await task.value }
    // Those who do not take what they are sent are not waited for.
    let impatience = Task {
      try await Task.sleep(for: JobService.patience)
      for task in deliveries.values { task.cancel() }
    }
    for task in deliveries.values { await task.value }
    impatience.cancel()
    watch?.cancel()
  }
}
