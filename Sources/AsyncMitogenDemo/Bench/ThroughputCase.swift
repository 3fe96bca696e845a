import AsyncMitogen
import CAsyncMitogenFloor
import Glibc

/// What a call costs when many are under way: CPU time, of this process and the child together.
///
/// The floor is the write, read, write and read that a message and its answer need one by one, with enough of them
/// under way that neither process waits much. A library can do better, by taking several with one system call.
enum ThroughputCase {
  private static let inFlight = 1000

  static func measure(_ effort: Effort) async throws -> [Figure] {
    let calls = effort.of(100_000, quick: 20_000)
    return try await withRouter { router in
      let child = try await router.local()
      let process = try await child.call { getpid() }
      let raw = try RawProcesses.start(AMF_BLOCKING_ECHO)
      defer { _ = try? raw.stop() }
      return try await Machine.onTwoCores(with: [process] + raw.identifiers) {
        var cost = Comparison()
        var rate = Comparison()
        try await burst(calls / 10, to: child)
        for _ in 0..<effort.of(5, quick: 3) {
          let ours = try Usage(with: process)
          try await burst(calls, to: child)
          let oursSpent = try Usage(with: process).since(ours)
          let floor = try Usage(with: raw.identifiers[0])
          try await Floor.measure { try raw.pipelinedRoundTrips(calls) }
          let floorSpent = try Usage(with: raw.identifiers[0]).since(floor)
          cost.ours.add(oursSpent.cpu / Double(calls) / .microsecond)
          cost.floor.add(floorSpent.cpu / Double(calls) / .microsecond)
          rate.ours.add(Double(calls) / oursSpent.elapsed * 1e9)
          rate.floor.add(Double(calls) / floorSpent.elapsed * 1e9)
        }
        return [
          Figure("throughput", cost, unit: "µs CPU", target: .atMostTimesFloor(0.95)),
          Figure("throughput/rate", rate, unit: "calls/s"),
        ]
      }
    }
  }

  /// Makes calls from as many tasks as may be under way.
  private static func burst(_ calls: Int, to child: Context) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<inFlight {
        group.addTask {
          for _ in 0..<calls / inFlight + (caller < calls % inFlight ? 1 : 0) { _ = try await child.call { 1 } }
        }
      }
      try await group.waitForAll()
    }
  }
}

/// The time, and the CPU time of this process and another one together, in nanoseconds.
private struct Usage {
  private let cpu: UInt64
  private let time: UInt64

  init(with other: pid_t) throws {
    cpu = try Machine.cpuTime(of: getpid()) + Machine.cpuTime(of: other)
    time = Machine.now
  }

  func since(_ start: Usage) -> (cpu: Double, elapsed: Double) { (Double(cpu - start.cpu), Double(time - start.time)) }
}
