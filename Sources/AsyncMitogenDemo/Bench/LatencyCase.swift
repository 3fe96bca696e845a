import AsyncMitogen
import CAsyncMitogenFloor
import Glibc

/// One call after another, to a child or through a row of them.
///
/// First with every process on one core, where all that the program does adds up; then on several, where waking a
/// sleeping one takes most of the time.
enum LatencyCase {
  static func measure(_ name: String, hops: Int, effort: Effort) async throws -> [Figure] {
    try await measure(name, hops: hops) { placed in
      try await withRouter { router in
        var child = try await router.local()
        for _ in 1..<hops { child = try await router.local(via: child) }
        return try await compare(child, hops: hops, effort: effort, placed: placed)
      }
    }
  }

  /// The same to a context whose tree this process has joined. To the system it makes no difference whether two sockets
  /// were made as a pair or one was connected to a path, so the floor is that of a child.
  static func measureUnix(_ name: String, effort: Effort) async throws -> [Figure] {
    try await measure(name, hops: 1) { placed in
      try await DetachedContext.with { context in
        try await compare(context, hops: 1, effort: effort, placed: placed)
      }
    }
  }

  /// Runs a body with the processes that it is given in their places.
  private typealias Placing = ([pid_t], () async throws -> Comparison) async throws -> Comparison

  private static func measure(
    _ name: String, hops: Int, _ run: (Placing) async throws -> Comparison
  ) async throws -> [Figure] {
    let together = try await Machine.onOneCore { try await run { _, body in try await body() } }
    let apart = try await run { processes, body in
      // More than two processes find no lasting place on two cores, and need none for a steady figure.
      hops == 1 ? try await Machine.onTwoCores(with: processes, body) : try await body()
    }
    return [
      Figure(name, together, unit: "µs", target: .atMostTimesFloor(1.7)),
      Figure(tailOf: name, together, unit: "µs"),
      Figure(name + "/unpinned", apart, unit: "µs", target: .atMostTimesFloor(hops == 1 ? 1.2 : 1.7)),
      Figure(tailOf: name + "/unpinned", apart, unit: "µs"),
    ]
  }

  private static func compare(
    _ child: Context, hops: Int, effort: Effort, placed: Placing
  ) async throws -> Comparison {
    let raw = try hops == 1 ? RawProcesses.start(AMF_ECHO) : RawProcesses.startRow(of: hops)
    defer { _ = try? raw.stop() }
    let process = try await child.call { getpid() }
    return try await placed(raw.identifiers + [process]) {
      let count = effort.of(4000, quick: 1500) / hops
      var comparison = Comparison()
      // The first round fills caches and is not counted.
      for round in 0...effort.rounds {
        let ours = try await roundTrips(count, to: child)
        let floor = try await Floor.measure { try raw.roundTrips(count) }
        guard round > 0 else { continue }
        comparison.ours.add(ours, per: .microsecond)
        comparison.floor.add(floor, per: .microsecond)
      }
      return comparison
    }
  }

  private static func roundTrips(_ count: Int, to child: Context) async throws -> [UInt64] {
    var durations: [UInt64] = []
    durations.reserveCapacity(count)
    for _ in 0..<count {
      let start = Machine.now
      _ = try await child.call { 1 }
      durations.append(Machine.now - start)
    }
    return durations
  }
}
