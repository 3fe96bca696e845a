import Testing

@testable import AsyncMitogen
@testable import AsyncMitogenDemo

/// What the service of jobs does not do, and for whom.
@Suite(.timeLimit(.minutes(1)))
struct JobRefusalTests {
  private func reason(_ body: () async throws -> Void) async -> JobError.Reason? {
    await #expect(throws: JobError.self) { try await body() }?.reason
  }

  @Test func `a job that nobody knows`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let job = StartedJob<Guided>(id: JobID(text: "ab"), context: child)
      #expect(await reason { _ = try await job.get() } == .unknownJob)
      #expect(await reason { _ = try await job.result(on: router) } == .unknownJob)
      #expect(await reason { try await job.cancel() } == .unknownJob)
      let error = await #expect(throws: JobError.self) { try await job.get() }
      #expect(error?.description == "there is no job 'ab', or it has been forgotten")
      for text in ["x'y", "", String(repeating: "a", count: 65)] {
        let wrong = await #expect(throws: CallError.self) {
          try await child.call(JobService.get, .init(id: JobID(text: text)))
        }
        #expect(wrong?.message.hasPrefix("Argument 'id' type incorrect, got 'str': ") == true)
      }
      let request = JobService.Request(type: "Si", arguments: [])
      #expect(
        await reason { try await JobError.unwrapping { _ = try await child.call(JobService.start, request) } }
          == .unknownType)
    }
  }

  @Test func `who may do what`() async throws {
    try await withRouter { router in
      let guide = try JobGuide(router)
      let child = try await router.local()
      let sibling = try await router.local()
      let job = try await JobService.start(guide.job, in: child)
      let arrival = try await guide.next()
      let refusals = try await sibling.call(guide.job, job) { new, job in
        var texts: [String] = []
        do { _ = try await JobService.start(new, in: job.context) } catch { texts.append("\(error)") }
        do { try await job.cancel() } catch { texts.append("\(error)") }
        do {
          try await JobError.unwrapping {
            try await job.context.call(JobService.push, .init(id: job.id, update: [0x4b, 1, 0x2e]))
          }
        } catch { texts.append("\(error)") }
        return texts
      }
      #expect(refusals.count == 3)
      for (text, method) in zip(refusals, ["start", "cancel"]) {
        #expect(text.contains(ServiceTexts.unauthorized(method, JobService.name)), "\(text)")
      }
      #expect(refusals.last == "only the context of a job may push for it")
      // Who has the name may ask and listen.
      #expect(try await sibling.call(job) { try await $0.get().updateCount } == 0)
      try await arrival.orders.send(.succeed(""))
      let output = try await sibling.call(job) { job in
        guard let router = ExternalContext.current?.router else { return "?" }
        return try await job.result(on: router)
      }
      #expect(output.isEmpty)
      #expect(await reason { try await JobChannel<Guided>(id: job.id).push(1) } == .misplaced)
    }
  }

  @Test func `limits`() async throws {
    var limits = JobLimits()
    limits.running = 2
    limits.listeners = 1
    limits.valueBytes = 1_000
    limits.updateBytes = 500
    try await withJobService(limits) { router, service, guide in
      let first = try await JobService.start(guide.job, in: router.myself)
      let second = try await JobService.start(Talkative(count: 1, size: 501), in: router.myself)
      #expect(await reason { _ = try await JobService.start(guide.job, in: router.myself) } == .tooManyJobs)
      var large = guide.job
      large.ballast = [UInt8](repeating: 1, count: 1_000)
      #expect(await reason { _ = try await JobService.start(large, in: router.myself) } == .tooLarge)
      let failure = await #expect(throws: JobFailure.self) { try await second.result(on: router) }
      #expect(failure?.description.hasPrefix("it is too large: an update of ") == true)

      let arrival = try await guide.next()
      let listener = Receiver<JobNotice>(router: router)
      try await router.myself.call(JobService.listen, .init(id: first.id, listener: listener.sender))
      #expect(await reason { _ = try await first.result(on: router) } == .tooManyListeners)
      try await arrival.orders.send(.succeed(String(repeating: "x", count: 1_001)))
      _ = try await listener.get(timeout: .seconds(30))
      let end = try await listener.get(timeout: .seconds(30))
      #expect(end.failure?.description.hasPrefix("it is too large: a result of ") == true)
      await until { await service.counts.listeners == 0 }
      #expect(await service.counts.finished == 2)
    }
  }
}
