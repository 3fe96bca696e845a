import AsyncMitogen
import CAsyncMitogenFloor

/// One call after another, to a child or through a row of them.
///
/// First with every process on one core, where all that the program does adds up; then on all cores, where waking a
/// sleeping one takes most of the time.
enum LatencyCase {
  static func measure(_ name: String, hops: Int, effort: Effort) async throws -> [Figure] {
    let pinned = try await Machine.pinned { try await compare(hops: hops, effort: effort) }
    let free = try await compare(hops: hops, effort: effort)
    return [
      Figure(name, pinned, unit: "µs", target: .atMostTimesFloor(1.7)),
      Figure(tailOf: name, pinned, unit: "µs"),
      Figure(name + "/unpinned", free, unit: "µs", target: .atMostTimesFloor(hops == 1 ? 1.2 : 1.7)),
      Figure(tailOf: name + "/unpinned", free, unit: "µs"),
    ]
  }

  private static func compare(hops: Int, effort: Effort) async throws -> Comparison {
    try await withRouter { router in
      var child = try await router.local()
      for _ in 1..<hops { child = try await router.local(via: child) }
      let raw = try hops == 1 ? RawProcesses.start(AMF_ECHO) : RawProcesses.startRow(of: hops)
      defer { _ = try? raw.stop() }
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
