internal import Synchronization

/// Lets a bounded number of connections be made at once; the others wait in order.
///
/// A server that is asked by many at once drops some of them: sshd does from ten on.
final class ConnectGate: Sendable {
  private struct State {
    var free: Int
    var waiting: [(number: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
    var next: UInt64 = 0
    /// Those who are about to wait.
    var arriving: Set<UInt64> = []
  }

  private let state: Mutex<State>
  private let isOpen: Bool

  /// Makes a gate; 0 means that all may pass.
  init(limit: Int) {
    isOpen = limit <= 0
    state = Mutex(State(free: limit))
  }

  /// How many wait.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Runs `body` when it may.
  ///
  /// - Throws: `CancellationError` if cancelled while it waits, and what `body` throws.
  func pass<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    guard !isOpen else { return try await body() }
    try await enter()
    defer { leave() }
    return try await body()
  }

  private func enter() async throws {
    let number = state.withLock { state -> UInt64? in
      if state.free > 0 {
        state.free -= 1
        return nil
      }
      state.next += 1
      state.arriving.insert(state.next)
      return state.next
    }
    guard let number else { return }
    let entered = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let now = state.withLock { state -> Bool? in
          // Cancelled on the way.
          guard state.arriving.remove(number) != nil else { return false }
          // Somebody may have left since.
          if state.free > 0 {
            state.free -= 1
            return true
          }
          state.waiting.append((number, continuation))
          return nil
        }
        if let now { continuation.resume(returning: now) }
      }
    } onCancel: {
      let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
        guard let index = state.waiting.firstIndex(where: { $0.number == number }) else {
          state.arriving.remove(number)
          return nil
        }
        return state.waiting.remove(at: index).continuation
      }
      waiter?.resume(returning: false)
    }
    guard entered else { throw CancellationError() }
  }

  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      guard !state.waiting.isEmpty else {
        state.free += 1
        return nil
      }
      return state.waiting.removeFirst().continuation
    }
    next?.resume(returning: true)
  }
}
