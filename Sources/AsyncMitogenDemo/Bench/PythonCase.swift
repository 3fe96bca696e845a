import AsyncMitogen
import Glibc

/// Calls to a Python child: from this program, and in turns with it from Mitogen itself.
///
/// Mitogen's master is a process of its own in each round, which calls the same function of a child of its own. The
/// floor is what it measures.
enum PythonCase {
  private static let inFlight = 1_000

  static func measure(_ effort: Effort) async throws -> [Figure] {
    let installation = PythonBeside.installation
    return try await withRouter(configuration: RouterConfiguration(python: installation)) { router in
      let child: Context
      do {
        child = try await router.local(python: installation.interpreter)
      } catch let error as ConnectionError where error.phase == .spawn {
        throw SkippedCase(reason: error.message)
      }
      let process: pid_t = try await child.call(python: "os.getpid")
      let (latencyCalls, rateCalls) = (effort.of(3_000, quick: 500), effort.of(20_000, quick: 4_000))
      var (latency, rate, placed) = (Comparison(), Comparison(), Comparison())
      try await burst(2_000, to: child)
      for _ in 0..<effort.of(7, quick: 3) {
        latency.ours.add(try await roundTrips(latencyCalls, to: child), per: .microsecond)
        latency.floor.add(try await theirs("latency", latencyCalls, installation, child), per: .microsecond)
        rate.ours.add(try await callsPerSecond(rateCalls, to: child))
        rate.floor.add(try await theirRate("rate", rateCalls, installation, child))
        // Python's threads hinder each other less on one core: each process has one, here and there.
        placed.ours.add(
          try await Machine.onTwoCores(with: [process]) { try await callsPerSecond(rateCalls, to: child) })
        placed.floor.add(try await theirRate("placed", rateCalls, installation, child))
      }
      return [
        Figure("python", latency, unit: "µs", target: .atMostTimesFloor(1)),
        Figure(tailOf: "python", latency, unit: "µs"),
        Figure("python/rate", rate, unit: "calls/s", target: .atLeastTimesFloor(2)),
        Figure("python/rate/own-cores", placed, unit: "calls/s"),
      ]
    }
  }

  private static func roundTrips(_ count: Int, to child: Context) async throws -> [UInt64] {
    var durations: [UInt64] = []
    durations.reserveCapacity(count)
    for _ in 0..<count {
      let start = Machine.now
      try await child.call(python: "os.getpid")
      durations.append(Machine.now - start)
    }
    return durations
  }

  private static func callsPerSecond(_ count: Int, to child: Context) async throws -> Double {
    let start = Machine.now
    try await burst(count, to: child)
    return Double(count) / Double(Machine.now - start) * 1e9
  }

  private static func theirRate(
    _ what: String, _ count: Int, _ installation: PythonInstallation, _ child: Context
  ) async throws -> Double {
    let times = try await theirs(what, count, installation, child)
    return Double(count) / Double(times.first ?? 1) * 1e9
  }

  /// As many under way as may be, like Mitogen's.
  private static func burst(_ count: Int, to child: Context) async throws {
    var rest = count
    while rest > 0 {
      let calls: [Receiver<Int>] = (0..<min(rest, inFlight)).map { _ in child.callAsync(python: "os.getpid") }
      for call in calls { _ = try await call.get() }
      rest -= calls.count
    }
  }

  /// What Mitogen measures, in nanoseconds; meanwhile the child only waits for it.
  private static func theirs(
    _ what: String, _ count: Int, _ installation: PythonInstallation, _ child: Context
  ) async throws -> [UInt64] {
    let words = installation.interpreter.words + ["-c", script, what, "\(count)", "\(inFlight)"]
    let output: [UInt8] = try await child.call(python: "subprocess.check_output", words)
    return String(decoding: output, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
  }

  private static let script = """
    import os, sys, time, mitogen.master, mitogen.utils
    what, count, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    broker = mitogen.master.Broker()
    router = mitogen.master.Router(broker)
    child = router.local(python_path=sys.executable)
    now = time.perf_counter_ns
    def burst(rest):
        while rest > 0:
            calls = [child.call_async(os.getpid) for _ in range(min(rest, limit))]
            for call in calls:
                call.get().unpickle()
            rest -= len(calls)
    times = []
    def place(process, core):
        for thread in os.listdir('/proc/%d/task' % process):
            os.sched_setaffinity(int(thread), {core})
    cores = range(os.cpu_count())
    os.sched_setaffinity(0, cores)
    if what != 'latency':
        if what == 'placed':
            place(child.call(os.getpid), cores[-1])
            place(os.getpid(), cores[0])
        burst(2000)
        start = now()
        burst(count)
        times.append(now() - start)
    else:
        for _ in range(200):
            child.call(os.getpid)
        for _ in range(count):
            start = now()
            child.call(os.getpid)
            times.append(now() - start)
    print(*times)
    broker.shutdown()
    broker.join()
    """
}

/// A case cannot be measured here, which is no failure.
struct SkippedCase: Error {
  let reason: String
}
