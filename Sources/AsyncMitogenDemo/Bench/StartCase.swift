import AsyncMitogen

/// From nothing to the first reply of a new child.
///
/// The floor starts the same executable, with the same libraries to load, and waits for one byte. `start/tiny` has for
/// its floor a program that is next to nothing: what the size of ours costs shows in the difference. The floor of
/// `start/fork` is `start`, child by child in turn; the first, which starts the fork server, is not counted.
enum StartCase {
  private static let many = 100

  static func measure(_ effort: Effort) async throws -> [Figure] {
    try await withRouter { router in
      var single = Comparison()
      var tiny = Comparison()
      var forked = Comparison()
      for round in 0...effort.rounds {
        var ours: [UInt64] = []
        var floor: [UInt64] = []
        var nothing: [UInt64] = []
        var forks: [UInt64] = []
        for _ in 0..<effort.of(10, quick: 5) {
          ours.append(try await time { try await router.local() })
          forks.append(try await time { try await router.fork() })
          floor.append(try await startRaw(1))
          nothing.append(try await Floor.measure { try Floor.runTrue() })
        }
        guard round > 0 else { continue }
        single.ours.add(ours, per: .millisecond)
        single.floor.add(floor, per: .millisecond)
        forked.ours.add(forks, per: .millisecond)
        forked.floor.add(ours, per: .millisecond)
        tiny.ours.add(ours, per: .millisecond)
        tiny.floor.add(nothing, per: .millisecond)
      }
      var together = Comparison()
      for _ in 0..<effort.of(5, quick: 2) {
        together.ours.add([try await startMany(on: router)], per: .millisecond)
        together.floor.add([try await startRaw(many)], per: .millisecond)
      }
      return [
        Figure("start", single, unit: "ms", target: .atMostTimesFloor(4)),
        Figure(tailOf: "start", single, unit: "ms"),
        Figure("start/fork", forked, unit: "ms", target: .atMostTimesFloor(0.5)),
        Figure("start/tiny", tiny, unit: "ms"),
        Figure("start/\(many)", together, unit: "ms", target: .atMostTimesFloor(4)),
      ]
    }
  }

  private static func time(_ start: () async throws -> Context) async throws -> UInt64 {
    let begin = Machine.now
    let child = try await start()
    _ = try await child.call { 1 }
    let duration = Machine.now - begin
    try await child.shutdown()
    return duration
  }

  private static func startMany(on router: Router) async throws -> UInt64 {
    let start = Machine.now
    let children = try await Children.start(many, on: router, atOnce: many)
    let duration = Machine.now - start
    try await Children.shutDown(children)
    return duration
  }

  private static func startRaw(_ count: Int) async throws -> UInt64 {
    try await Floor.measure {
      let started = try RawProcesses.startIdle(count)
      try started.processes.stop()
      return started.nanoseconds
    }
  }
}
