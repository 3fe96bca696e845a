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
    figures += try await forks(count: 20)
    if !effort.quick { figures.append(try await compare("memory/1000", count: 1000)) }
    return figures
  }

  /// A table of this size that the fork server has: nobody else's memory holds it.
  private static let tableSize = 32 << 20

  /// Forks that have a table in common, beside children that each have made their own.
  private static func forks(count: Int) async throws -> [Figure] {
    try await withRouter { router in
      try await router.prepareForks(tableSize) { SharedTable.fill($0) }
      let own = try await Children.start(3, on: router)
      for child in own { _ = try await child.call(tableSize) { SharedTable.fill($0) } }
      let alone = try await megabytes(of: own)
      try await Children.shutDown(own)
      var forks: [Context] = []
      for _ in 0..<count { forks.append(try await router.fork()) }
      for fork in forks {
        let sum = try await fork.call { SharedTable.sum() }
        guard sum == SharedTable.sum(of: tableSize) else { throw TableIsMissing() }
      }
      return [
        Figure(
          "memory/fork", value: Statistics.median(try await megabytes(of: forks)), unit: "MB",
          floor: Statistics.median(alone), target: .atMost(4), count: count)
      ]
    }
  }

  private static func megabytes(of children: [Context]) async throws -> [Double] {
    var processes: [pid_t] = []
    for child in children { processes.append(try await child.call { getpid() }) }
    try await Task.sleep(for: .milliseconds(200))
    return try processes.map { try Machine.megabytes(of: $0) }
  }

  private struct TableIsMissing: Error, CustomStringConvertible {
    let description = "a fork has another table than the fork server"
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
