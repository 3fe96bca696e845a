internal import CAsyncMitogen
internal import Synchronization

/// Where the leader of a loop spends its time; only there when somebody wants to know.
final class LoopProfile: Sendable {
  /// What a leader does.
  enum Phase: Int, CaseIterable, Sendable {
    case asleep
    case reading
    case lane
    case writing
    case timers
    case tasks
  }

  /// What has been measured.
  struct Times: Sendable {
    /// Nanoseconds, and how often, for each phase in order.
    var nanoseconds = [UInt64](repeating: 0, count: Phase.allCases.count)
    var counts = [UInt64](repeating: 0, count: Phase.allCases.count)
  }

  let start = amt_monotonic_nanoseconds()
  private let state = Mutex((times: Times(), last: amt_monotonic_nanoseconds()))

  var times: Times { state.withLock { $0.times } }

  /// A leader begins: what was before is nobody's.
  func begin() {
    let now = amt_monotonic_nanoseconds()
    state.withLock { $0.last = now }
  }

  /// The time since the last call was spent in a phase.
  func lap(_ phase: Phase) {
    let now = amt_monotonic_nanoseconds()
    state.withLock { state in
      // A leader that has lost its lead in a task comes back beside the next one.
      guard now > state.last else { return }
      state.times.nanoseconds[phase.rawValue] += now - state.last
      state.times.counts[phase.rawValue] += 1
      state.last = now
    }
  }
}
