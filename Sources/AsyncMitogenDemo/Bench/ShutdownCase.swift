import AsyncMitogen
import CAsyncMitogenFloor
import Glibc

/// The end: of 20 idle children in good order, and of a whole tree whose master was killed.
enum ShutdownCase {
  private static let count = 20

  static func measure(_ effort: Effort) async throws -> [Figure] {
    var orderly = Comparison()
    for _ in 0..<effort.rounds {
      orderly.ours.add([try await leave()], per: .millisecond)
      orderly.floor.add([try RawProcesses.startIdle(count).processes.stop()], per: .millisecond)
    }
    var killed = Series()
    for _ in 0..<effort.rounds { killed.add([try killMaster()], per: .millisecond) }
    return [
      Figure("shutdown", orderly, unit: "ms", target: .atMostTimesFloor(5)),
      Figure("shutdown/killed", value: killed.median, unit: "ms", target: .atMost(100), count: killed.count),
      Figure("shutdown/killed/worst", value: killed.worst, unit: "ms", target: .atMost(100), count: killed.count),
    ]
  }

  /// Times the way out of `withRouter`, at the end of which all children are reaped.
  private static func leave() async throws -> UInt64 {
    let start = try await withRouter { router in
      _ = try await Children.start(count, on: router)
      return Machine.now
    }
    return Machine.now - start
  }

  /// Times how long the processes of a tree outlive its master.
  private static func killMaster() throws -> UInt64 {
    let master = try RawProcesses.startSelf("bench", DoomedMaster.option)
    let line = try master.readLine()
    let processes = line.split(separator: " ").compactMap { pid_t($0) }
    guard processes.count == DoomedMaster.size else {
      _ = try? master.stop()
      throw DoomedMaster.Unprepared(line: line)
    }
    var duration: UInt64 = 0
    let result = unsafe amf_kill_and_wait(processes, Int32(processes.count), 10_000, &duration)
    if result < 0 { unsafe amf_kill_all(processes, Int32(processes.count)) }
    try master.stop()
    try Machine.check("waiting for the tree of a killed master", result)
    return duration
  }
}
