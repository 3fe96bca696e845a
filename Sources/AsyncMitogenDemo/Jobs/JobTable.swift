internal import AsyncMitogen

/// What is known of a job at one moment, as it is sent to those who want to know: its values are pickles.
struct JobNotice: Codable, Sendable, Equatable {
  enum State: String, Codable, Sendable {
    case running
    case succeeded
    case failed
    case cancelled
  }

  var state = State.running
  /// How often it has pushed something.
  var updateCount = 0
  /// What it has pushed last.
  var update: [UInt8]?
  /// What it has returned.
  var output: [UInt8]?
  /// Why it has failed.
  var failure: JobFailure?

  /// About how many bytes it takes.
  var size: Int { (update?.count ?? 0) + (output?.count ?? 0) + (failure?.description.utf8.count ?? 0) + 128 }
}

/// The jobs that run, and some of those that have ended. Pure.
struct JobTable: Sendable {
  private struct Record: Sendable {
    var notice = JobNotice()
    /// In which it is done; nil while that is being made.
    var context: ContextID?
    /// When it was over.
    var end: Duration?
  }

  let limits: JobLimits
  private var records: [JobID: Record] = [:]
  /// The jobs that have ended, the oldest first.
  private var finished: [JobID] = []
  private var finishedBytes = 0
  private(set) var runningCount = 0

  init(limits: JobLimits) { self.limits = limits }

  /// How many jobs have ended and are remembered.
  var finishedCount: Int { finished.count }

  /// A job begins.
  ///
  /// - Throws: ``JobError`` if there are too many.
  mutating func start(_ id: JobID) throws(JobError) {
    guard runningCount < limits.running else { throw JobError(.tooManyJobs, "\(limits.running)") }
    records[id] = Record()
    runningCount += 1
  }

  /// A job has a context from now on, which may push.
  mutating func attach(_ id: JobID, to context: ContextID) { records[id]?.context = context }

  /// A job tells something; returns what is known now.
  ///
  /// - Throws: ``JobError``.
  mutating func push(_ id: JobID, from context: ContextID, _ update: [UInt8]) throws(JobError) -> JobNotice {
    guard let record = records[id] else { throw JobError(.unknownJob, id.text) }
    guard record.context == context else { throw JobError(.foreign) }
    guard record.notice.state == .running else { throw JobError(.ended) }
    guard update.count <= limits.updateBytes else {
      throw JobError(.tooLarge, "an update of \(update.count) bytes, where \(limits.updateBytes) are allowed")
    }
    var notice = record.notice
    notice.updateCount += 1
    notice.update = update
    records[id]?.notice = notice
    return notice
  }

  /// A job has ended; returns what is known now.
  mutating func finish(_ id: JobID, _ result: Result<[UInt8], any Error>, now: Duration) -> JobNotice? {
    guard var record = records[id], record.notice.state == .running else { return nil }
    switch result {
    case .success(let output) where output.count <= limits.valueBytes:
      record.notice.state = .succeeded
      record.notice.output = output
    case .success(let output):
      record.notice.state = .failed
      record.notice.failure = JobFailure(
        JobError(.tooLarge, "a result of \(output.count) bytes, where \(limits.valueBytes) are allowed"))
    case .failure(is CancellationError): record.notice.state = .cancelled
    case .failure(let error):
      record.notice.state = .failed
      record.notice.failure = JobFailure(error)
    }
    record.end = now
    records[id] = record
    runningCount -= 1
    finished.append(id)
    finishedBytes += record.notice.size
    forget(now: now)
    return record.notice
  }

  /// What is known of a job.
  ///
  /// - Throws: ``JobError`` if nothing is.
  mutating func notice(_ id: JobID, now: Duration) throws(JobError) -> JobNotice {
    forget(now: now)
    guard let record = records[id] else { throw JobError(.unknownJob, id.text) }
    return record.notice
  }

  /// Forgets what ended too long ago, and what there is no room for.
  private mutating func forget(now: Duration) {
    while let oldest = finished.first, let record = records[oldest],
      finished.count > limits.finished || finishedBytes > limits.finishedBytes
        || now - (record.end ?? now) >= limits.retention
    {
      finished.removeFirst()
      records[oldest] = nil
      finishedBytes -= record.notice.size
    }
  }
}
