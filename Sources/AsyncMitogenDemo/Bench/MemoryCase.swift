import AsyncMitogen
import CAsyncMitogenFloor
import Glibc

/// What an idle child takes of the machine's memory.
///
/// Pages that processes share are split between them, so the raw children, stopped before any code of the library ran,
/// are gone before the others start.
enum MemoryCase {
  static func measure(_ effort: Effort) async throws -> [Figure] {
    var figures = [try await compare("memory", count: 20)]
    if !effort.quick { figures.append(try await compare("memory/1000", count: 1000)) }
    return figures
  }

  private static func compare(_ name: String, count: Int) async throws -> Figure {
    let raw = try RawProcesses.startIdle(count).processes
    let floor = Result { try raw.identifiers.map { try Machine.megabytes(of: $0) } }
    try raw.stop()
    let ours = try await withRouter { router in
      let children = try await Children.start(count, on: router)
      var processes: [pid_t] = []
      for child in children { processes.append(try await child.call { getpid() }) }
      // Threads that were of use for the start may go.
      try await Task.sleep(for: .milliseconds(200))
      return try processes.map { try Machine.megabytes(of: $0) }
    }
    return Figure(
      name, value: Statistics.median(ours), unit: "MB", floor: Statistics.median(try floor.get()),
      target: .atMost(4), count: count)
  }
}
