import Glibc
import Testing

@testable import AsyncMitogen

/// Contexts that end by themselves, and those that are started again.
@Suite(.timeLimit(.minutes(1)))
struct LifeLimitTests {
  @Test func `idle is who has nothing to do for long enough`() {
    var watch = IdleWatch(limit: 100)
    #expect(watch.look(activity: 1, isBusy: false, now: 1_000) == 100)
    #expect(watch.look(activity: 1, isBusy: false, now: 1_060) == 40)
    #expect(watch.look(activity: 2, isBusy: false, now: 1_099) == 100)
    #expect(watch.look(activity: 2, isBusy: true, now: 1_199) == 100)
    #expect(watch.look(activity: 2, isBusy: false, now: 1_298) == 1)
    #expect(watch.look(activity: 2, isBusy: false, now: 1_299) == nil)
    var fresh = IdleWatch(limit: 100)
    #expect(fresh.look(activity: 0, isBusy: false, now: 5_000) == 100)
  }

  @Test func `a context that has nothing to do ends, and one that has does not`() async throws {
    try await withRouter { router in
      let idle = try await router.connect(
        LocalConnection(options: .init(idleTimeout: .milliseconds(200))))
      let busy = try await router.connect(
        LocalConnection(options: .init(idleTimeout: .milliseconds(200))))
      let call = busy.callAsync {
        try await Task.sleep(for: .seconds(1))
        return 7
      }
      try await idle.disconnected()
      #expect(try await call.get(timeout: .seconds(20)) == 7)
      // When that has ended it has nothing to do either.
      try await busy.disconnected()
    }
  }

  @Test func `contexts below count, and inherit the limit`() async throws {
    let configuration = RouterConfiguration(idleTimeout: .milliseconds(300))
    try await withRouter(configuration: configuration) { router in
      let child = try await router.local()
      let grandchild = try await router.connect(LocalConnection(options: .init(idleTimeout: .seconds(60))), via: child)
      // Three times as long as it could be idle.
      try await Task.sleep(for: .seconds(1))
      #expect(try await grandchild.call { 1 } == 1)
      let other = try await router.local(via: child)
      try await other.disconnected()
      try await grandchild.shutdown()
      try await child.disconnected()
    }
  }

  @Test func `a lifetime is over whatever goes on`() async throws {
    try await withRouter { router in
      let child = try await router.connect(LocalConnection(options: .init(lifetime: .milliseconds(300))))
      let error = await #expect(throws: (any Error).self) {
        try await child.call { try await Task.sleep(for: .seconds(60)) }
      }
      #expect(error is ChannelError || error is CallError)
      try await child.disconnected()
    }
  }

  @Test func `a ping is answered, also beside calls, and not by one that is stopped or gone`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      #expect(try await grandchild.ping() > .zero)
      #expect(try await router.myself.ping() >= .zero)
      // One of Python answers that it does not know the question.
      try await child.call { try Observing.router().deleteHandler(.capabilities) }
      #expect(try await child.ping() > .zero)
      let pid = try await child.call { Facts.processID() }
      Facts.stop(pid)
      await #expect(throws: TimeoutError.self) { try await child.ping(timeout: .milliseconds(50)) }
      kill(pid, SIGCONT)
      try await child.shutdown()
      await #expect(throws: ChannelError.self) { try await child.ping() }
    }
  }
}

/// Contexts that are started again when they are lost.
@Suite(.timeLimit(.minutes(1)))
struct ReconnectTests {
  @Test func `waits double up to a limit, and end`() async {
    let policy = ReconnectPolicy.exponential(first: .seconds(1), limit: .seconds(5), attempts: 5)
    var delays: [Duration?] = []
    for number in 1...6 {
      delays.append(await policy.delay(before: ReconnectAttempt(number: number, loss: nil, error: nil)))
    }
    #expect(delays == [.seconds(1), .seconds(2), .seconds(4), .seconds(5), .seconds(5), nil])
    let endless = ReconnectPolicy.exponential()
    #expect(await endless.delay(before: ReconnectAttempt(number: .max, loss: nil, error: nil)) == .seconds(60))
    let none = ReconnectPolicy.exponential(first: .zero)
    #expect(await none.delay(before: ReconnectAttempt(number: 1_000_000, loss: nil, error: nil)) == .zero)
  }

  @Test func `one that is killed is replaced, as often as the policy says`() async throws {
    try await withRouter { router in
      let policy = ReconnectPolicy { attempt in
        attempt.loss?.detail?.contains("signal 9") == true && attempt.error == nil ? .milliseconds(1) : nil
      }
      var seen: [ContextID] = []
      for try await context in router.keepConnected(LocalConnection(), policy: policy) {
        seen.append(context.id)
        let pid = try await context.call { Facts.processID() }
        if seen.count < 3 { kill(pid, SIGKILL) } else { try await context.shutdown() }
      }
      #expect(seen.count == 3 && Set(seen).count == 3)
    }
  }

  @Test func `one that cannot be started is tried again, and then its error is thrown`() async throws {
    try await withRouter { router in
      let attempts = Counter()
      let policy = ReconnectPolicy { attempt in
        attempts.add()
        return attempt.number < 3 && attempt.error is ConnectionError ? .zero : nil
      }
      await #expect(throws: ConnectionError.self) {
        let method = LocalConnection(path: "/nonexistent/program")
        for try await _ in router.keepConnected(method, policy: policy) { Issue.record("connected") }
      }
      #expect(attempts.value == 3)
    }
  }

  @Test func `it ends with the router, and with its task`() async throws {
    let broker = try Broker()
    let router = Router(broker: broker)
    let contexts = router.keepConnected(LocalConnection())
    var iterator = contexts.makeAsyncIterator()
    let context = try #require(try await iterator.next())
    #expect(try await context.call { 1 } == 1)
    await router.shutdown()
    // The loss is the end of the router's: the policy would wait for ever otherwise.
    let ended = Task(executorPreference: broker.taskExecutor) {
      for try await _ in router.keepConnected(LocalConnection()) { return false }
      return true
    }
    #expect(try await ended.value)
    broker.shutdown()
    await broker.join()
    try await withRouter { router in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        let given = Receiver<Int>(router: router)
        let sender = given.sender
        group.addTask {
          for try await _ in router.keepConnected(LocalConnection()) { try sender.post(1) }
          return true
        }
        _ = try await given.get(timeout: .seconds(20))
        group.cancelAll()
        // Cancelled it ends, with an error or without.
        _ = try? await group.next()
      }
    }
  }
}
