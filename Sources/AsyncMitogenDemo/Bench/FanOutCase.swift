import AsyncMitogen
import CAsyncMitogenFloor

/// One call to each of many children, until the last has replied.
enum FanOutCase {
  static func measure(_ effort: Effort) async throws -> [Figure] {
    var figures = [try await compare("fanout", count: 100, effort: effort)]
    // A thousand take longer to start than a quick look may.
    if !effort.quick { figures.append(try await compare("fanout/1000", count: 1000, effort: effort)) }
    return figures
  }

  private static func compare(_ name: String, count: Int, effort: Effort) async throws -> Figure {
    try await withRouter { router in
      let children = try await Children.start(count, on: router)
      let raw = try RawProcesses.start(AMF_ECHO, count: count)
      defer { _ = try? raw.stop() }
      var comparison = Comparison()
      for round in 0...effort.rounds {
        var ours: [UInt64] = []
        var floor: [UInt64] = []
        for _ in 0..<3 {
          ours.append(try await callAll(children))
          floor.append(try await Floor.measure { try raw.fanOut() })
        }
        guard round > 0 else { continue }
        comparison.ours.add(ours, per: .millisecond)
        comparison.floor.add(floor, per: .millisecond)
      }
      return Figure(name, comparison, unit: "ms", target: .atMostTimesFloor(3))
    }
  }

  private static func callAll(_ children: [Context]) async throws -> UInt64 {
    let start = Machine.now
    for try await reply in Select(children.map { $0.callAsync { 1 } }) { _ = try reply.value }
    return Machine.now - start
  }
}
