import Glibc
import Testing

@testable import AsyncMitogen
@testable import AsyncMitogenDemo

/// Jobs in children, and what those hear who want their results.
@Suite(.timeLimit(.minutes(1)))
struct JobServiceTests {
  @Test func `started, watched, asked for, in a child's child`() async throws {
    try await withRouter { router in
      let guide = try JobGuide(router)
      let child = try await router.local()
      let job = try await JobService.start(guide.job, in: child)
      let arrival = try await guide.next()
      #expect(arrival.id == job.id && arrival.context != child)
      let first = try await job.get()
      #expect(first.state.isRunning && first.updateCount == 0 && first.update == nil)

      var updates: [Int?] = []
      try await job.listen(on: router) { report in
        updates.append(report.update)
        switch report.updateCount {
        case 0: try await arrival.orders.send(.push(10))
        case 1: try await arrival.orders.send(.push(20))
        case 2 where report.state.isRunning: try await arrival.orders.send(.succeed("all done"))
        default: break
        }
      }
      #expect(updates == [nil, 10, 20, 20])
      // As often as one likes.
      for _ in 0..<3 {
        #expect(try await job.result(on: router) == "all done")
        let report = try await job.get()
        guard case .succeeded("all done") = report.state else {
          Issue.record("\(report)")
          return
        }
        #expect(report.updateCount == 2 && report.update == 20)
      }
    }
  }

  @Test func `it goes on when its caller is gone`() async throws {
    try await withJobService { router, service, guide in
      // As a program that has connected to this process: it acts for it.
      let caller = try await router.local()
      await router.setPrivileged(caller, true)
      let handed = Receiver<StartedJob<Guided>>(router: router)
      let waiting = caller.callAsync(guide.job, handed.sender) { job, handed in
        guard let here = ExternalContext.current else { return "" }
        let started = try await JobService.start(job, in: here.master)
        try await handed.send(started)
        return try await started.result(on: here.router)
      }
      let job = try await handed.get(timeout: .seconds(30))
      let arrival = try await guide.next()
      await until { await service.counts.listeners == 1 }
      _ = caller.callAsync { kill(getpid(), SIGKILL) }
      await #expect(throws: ChannelError.self) { try await waiting.get(timeout: .seconds(30)) }
      await until { await service.counts.listeners == 0 }
      #expect(try await job.get().state.isRunning)
      try await arrival.orders.send(.push(1))
      try await arrival.orders.send(.succeed("survived"))
      #expect(try await job.result(on: router) == "survived")
    }
  }

  @Test func `it goes on when the task that started it is cancelled`() async throws {
    try await withJobService { router, service, guide in
      let task = Task(executorPreference: router.loop.tasks) {
        let job = try await JobService.start(guide.job, in: router.myself)
        _ = try await job.result(on: router)
      }
      let arrival = try await guide.next()
      await until { await service.counts.listeners == 1 }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      // The one who leaves says so.
      await until { await service.counts.listeners == 0 }
      #expect(await service.counts.running == 1)
      let job = StartedJob<Guided>(id: arrival.id, context: router.myself)
      try await arrival.orders.send(.succeed("still here"))
      #expect(try await job.result(on: router) == "still here")
    }
  }

  @Test func `many listeners, here and in other contexts`() async throws {
    try await withRouter { router in
      let guide = try JobGuide(router)
      let child = try await router.local()
      let siblings = [try await router.local(), try await router.local()]
      let job = try await JobService.start(guide.job, in: child)
      let arrival = try await guide.next()
      let elsewhere = siblings.map { sibling in
        sibling.callAsync(job) { job -> [String] in
          guard let router = ExternalContext.current?.router else { return [] }
          return try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await job.result(on: router) } }
            var results: [String] = []
            for try await result in group { results.append(result) }
            return results
          }
        }
      }
      try await withThrowingTaskGroup(of: [Int].self) { group in
        for _ in 0..<100 {
          group.addTask {
            var counts: [Int] = []
            try await job.listen(on: router) { counts.append($0.updateCount) }
            return counts
          }
        }
        for number in 1...50 { try await arrival.orders.send(.push(number)) }
        try await arrival.orders.send(.succeed("for all"))
        for try await counts in group {
          // The end is told after the last update, and with it.
          #expect(counts == counts.sorted() && counts.last == 50)
        }
      }
      for reply in elsewhere {
        #expect(try await reply.get(timeout: .seconds(30)) == Array(repeating: "for all", count: 20))
      }
    }
  }

  @Test func `one that does not read holds up nobody, and costs nothing`() async throws {
    try await withJobService { router, service, _ in
      let stuck = Receiver<JobNotice>(router: router)
      let job = try await JobService.start(Talkative(count: 200, size: 60_000), in: router.myself)
      try await router.myself.call(JobService.listen, .init(id: job.id, listener: stuck.sender))
      // 12 MB have been pushed when it ends.
      #expect(try await job.result(on: router) == 200)
      // Between them, as many are on their way as there is room for on a link.
      #expect(stuck.size < 25)
      var counts: [Int] = []
      var state = JobNotice.State.running
      while state == .running {
        let notice = try await stuck.get(timeout: .seconds(30))
        counts.append(notice.updateCount)
        state = notice.state
      }
      #expect(counts == counts.sorted() && counts.last == 200 && counts.count < 30 && state == .succeeded)
      await until { await service.counts.listeners == 0 }
    }
  }

  @Test func `a job that fails`() async throws {
    try await withRouter { router in
      let guide = try JobGuide(router)
      let child = try await router.local()
      let job = try await JobService.start(guide.job, in: child)
      let result = waiting(for: job, on: router)
      try await guide.next().orders.send(.fail)
      let failure = await #expect(throws: JobFailure.self) { try await result.value }
      #expect(failure?.typeName == "AsyncMitogenTests.DiskFull" && failure?.description == "\(DiskFull(device: "sdj"))")
      let again = await #expect(throws: JobFailure.self) { try await job.result(on: router) }
      #expect(again == failure)
    }
  }

  @Test func `a job whose context dies`() async throws {
    try await withJobService { router, service, guide in
      let job = try await JobService.start(guide.job, in: router.myself)
      let result = waiting(for: job, on: router)
      try await guide.next().orders.send(.die)
      let failure = await #expect(throws: JobFailure.self) { try await result.value }
      #expect(failure?.typeName == "AsyncMitogen.ChannelError")
      #expect(failure?.description.hasPrefix("the respondent Context has disconnected") == true)
      #expect(await service.counts.running == 0)
    }
  }

  @Test(arguments: [false, true]) func `a job whose host ends`(_ isKilled: Bool) async throws {
    try await withRouter { router in
      let guide = try JobGuide(router)
      let child = try await router.local()
      let job = try await JobService.start(guide.job, in: child)
      let arrival = try await guide.next()
      let result = waiting(for: job, on: router)
      // What stops listening is thrown, as it is.
      await #expect(throws: Opaque.self) { try await job.listen(on: router) { _ in throw Opaque() } }
      if isKilled {
        _ = child.callAsync { kill(getpid(), SIGKILL) }
        await #expect(throws: ChannelError.self) { try await result.value }
      } else {
        try await child.shutdown()
        // It may still have been told that the job was cancelled.
        let error = await #expect(throws: (any Error).self) { try await result.value }
        #expect(error is CancellationError || error is ChannelError)
        // Its jobs have ended with it.
        #expect(kill(arrival.processID, 0) != 0)
      }
    }
  }

  @Test(arguments: [false, true]) func `cancelled`(_ blocks: Bool) async throws {
    try await withJobService { router, service, guide in
      let job = try await JobService.start(guide.job, in: router.myself)
      let arrival = try await guide.next()
      if blocks { try await arrival.orders.send(.block) }
      let result = waiting(for: job, on: router)
      await until { await service.counts.listeners == 1 }
      try await job.cancel()
      await #expect(throws: CancellationError.self) { try await result.value }
      guard case .cancelled = try await job.get().state else {
        Issue.record("not cancelled")
        return
      }
      // Whatever it does, it ends.
      await until { kill(arrival.processID, 0) != 0 }
      // Once more does no harm.
      try await job.cancel()
    }
  }

  @Test func `the end of the service`() async throws {
    try await withRouter { router in
      let service = JobService(router: router)
      let pool = Pool(router: router, services: [service])
      let guide = try JobGuide(router)
      let job = try await JobService.start(guide.job, in: router.myself)
      let arrival = try await guide.next()
      let stuck = Receiver<JobNotice>(router: router)
      try await router.myself.call(JobService.listen, .init(id: job.id, listener: stuck.sender))
      let result = waiting(for: job, on: router)
      await until { await service.counts.listeners == 2 }
      await pool.close()
      await #expect(throws: CancellationError.self) { try await result.value }
      #expect(kill(arrival.processID, 0) != 0)
      #expect(await service.counts.running == 0)
    }
  }
}
