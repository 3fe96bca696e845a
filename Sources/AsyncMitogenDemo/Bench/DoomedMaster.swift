import AsyncMitogen
import Glibc

/// The master of a tree that is there to be killed: this program started again by the benchmark.
///
/// Beneath it are children that idle, sleep, block their thread, or compute with a deaf ear to SIGTERM. It prints the
/// identifiers of all processes, its own first, and waits.
enum DoomedMaster {
  /// Not in the usage: only the benchmark itself has a use for it.
  static let option = "--doomed-master"
  /// The number of processes in the tree.
  static let size = 6

  static func run() async -> Int32 {
    do {
      try await withRouter { router in
        let idle = try await router.local()
        let sleeping = try await router.local()
        let busy = try await router.local()
        let blocked = try await router.local(via: idle)
        let busyBelow = try await router.local(via: idle)
        var processes = [getpid()]
        for context in [idle, sleeping, busy, blocked, busyBelow] {
          processes.append(try await context.call { getpid() })
        }
        let calls = [
          sleeping.callAsync { try await sleepLong() }, blocked.callAsync { blockLong() },
          busy.callAsync { compute() }, busyBelow.callAsync { compute() },
        ]
        // Time for the calls to begin.
        try await Task.sleep(for: .milliseconds(200))
        Console.line(processes.map { "\($0)" }.joined(separator: " "))
        // If the benchmark itself ends before it has killed us, its socket ends too.
        await Task.detached { waitForEnd() }.value
        withExtendedLifetime(calls) {}
      }
      return 0
    } catch {
      Console.error("\(error)")
      return 1
    }
  }

  struct Unprepared: Error, CustomStringConvertible {
    let line: String
    var description: String { "the tree to be killed did not start" + (line.isEmpty ? "" : ": \(line)") }
  }

  // MARK: - In the children

  static func sleepLong() async throws -> Int {
    try await Task.sleep(for: .seconds(3600))
    return 0
  }

  static func blockLong() -> Int { Int(sleep(3600)) }

  static func compute() -> Int {
    signal(SIGTERM, SIG_IGN)
    while Machine.now > 0 {}
    return 0
  }

  private static func waitForEnd() {
    var byte: UInt8 = 0
    while unsafe read(STDIN_FILENO, &byte, 1) > 0 {}
  }
}
