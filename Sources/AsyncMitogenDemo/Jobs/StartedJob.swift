internal import AsyncMitogen

/// A job that has been started, for those who want to know of it; it may be sent to other contexts.
struct StartedJob<Work: Job>: Codable, Sendable {
  let id: JobID
  /// Where its service is.
  let context: Context

  /// What is known of it now. Mitogen's `get`, which does not wait.
  ///
  /// - Throws: ``JobError`` if it is not known; as service calls do.
  func get() async throws -> JobReport<Work> {
    let notice = try await JobError.unwrapping { try await context.call(JobService.get, .init(id: id)) }
    return try JobReport(notice)
  }

  /// Runs `body` with what is known now, and then whenever something happens, until the job has ended or `body` throws.
  /// Updates are left out when they come faster than `body` returns. Mitogen's `listen`.
  ///
  /// - Parameter router: That of the context in which this runs.
  /// - Throws: What `body` throws; ``JobError`` if the job is not known, or too many listen; `ChannelError` if the
  ///   service's context is gone; `CancellationError`.
  func listen(on router: Router, _ body: (JobReport<Work>) async throws -> Void) async throws {
    let receiver = Receiver<JobNotice>(router: router, respondent: context)
    let listening = JobService.Listening(id: id, listener: receiver.sender)
    // Who leaves before the end says so; after it, that changes nothing.
    defer { try? context.callNoReply(JobService.leave, listening) }
    try await JobError.unwrapping { try await context.call(JobService.listen, listening) }
    for try await notice in receiver { try await body(try JobReport(notice)) }
    try Task.checkCancellation()
  }

  /// Waits for its output.
  ///
  /// - Parameter router: That of the context in which this runs.
  /// - Throws: ``JobFailure`` if the job has failed; `CancellationError` if it, or the task that waits, was cancelled; as
  ///   ``listen(on:_:)``.
  func result(on router: Router) async throws -> Work.Output {
    var last: JobReport<Work>?
    try await listen(on: router) { last = $0 }
    switch last?.state {
    case .succeeded(let output): return output
    case .failed(let failure): throw failure
    case .cancelled: throw CancellationError()
    case .running, nil: throw JobError(.closing)
    }
  }

  /// Ends it, if it has not ended.
  ///
  /// - Throws: ``JobError`` if it is not known; as service calls do.
  func cancel() async throws {
    try await JobError.unwrapping { try await context.call(JobService.cancel, .init(id: id)) }
  }
}

/// What is known of a job at one moment.
struct JobReport<Work: Job>: Sendable {
  enum State: Sendable {
    case running
    case succeeded(Work.Output)
    case failed(JobFailure)
    case cancelled
  }

  let state: State
  /// How often it has pushed something.
  let updateCount: Int
  /// What it has pushed last.
  let update: Work.Update?

  init(_ notice: JobNotice) throws {
    updateCount = notice.updateCount
    update = try notice.update.map { try PickleDecoder().decode(Work.Update.self, from: $0) }
    state =
      switch notice.state {
      case .running: .running
      case .succeeded: .succeeded(try PickleDecoder().decode(Work.Output.self, from: notice.output ?? []))
      case .failed: .failed(notice.failure ?? JobFailure(JobError(.closing)))
      case .cancelled: .cancelled
      }
  }
}

extension JobService {
  /// Starts a job in a context, of which this is a parent: in a child that its service makes for it.
  ///
  /// Returns when the service has it. What goes wrong from then on is the job's failure.
  ///
  /// - Throws: ``JobError`` if the service does not take it; as service calls do.
  static func start<Work: Job>(_ work: Work, in context: Context) async throws -> StartedJob<Work> {
    let request = Request(type: try JobRunner.name(of: Work.self), arguments: try PickleEncoder().encode(work))
    let id = try await JobError.unwrapping { try await context.call(JobService.start, request) }
    return StartedJob(id: id, context: context)
  }
}
