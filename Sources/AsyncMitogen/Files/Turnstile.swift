internal import Synchronization

/// Lets one task at a time through, first come, first served; who waits can be cancelled.
final class Turnstile: Sendable {
  private struct State: Sendable {
    var isBusy = false
    var line = WaitingLine<Parked<Bool>>()
  }

  private let state = Mutex(State())

  /// Waits for its turn. Who has come through has to ``leave()``.
  ///
  /// - Throws: `CancellationError`, and then it has not come through.
  func enter() async throws {
    let ticket = Ticket.next()
    let isIn: Bool = await park { parked in
      state.withLock { state in
        if Task.isCancelled { return false }
        guard state.isBusy else {
          state.isBusy = true
          return true
        }
        state.line.append(parked, ticket: ticket)
        return nil
      }
    } leave: { [self] in
      state.withLock { $0.line.remove(ticket) }?.resume(false)
    }
    guard isIn else { throw CancellationError() }
  }

  /// Lets the next one through.
  func leave() {
    let next = state.withLock { state in
      let next = state.line.popFirst()
      if next == nil { state.isBusy = false }
      return next
    }
    next?.resume(true)
  }
}
