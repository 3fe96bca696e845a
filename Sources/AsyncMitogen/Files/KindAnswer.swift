internal import Synchronization

/// An answer that one task waits for, and that comes at most once; the wait can be cancelled.
final class KindAnswer: Sendable {
  private enum State: Sendable {
    case unknown
    case waiting(Parked<Bool?>)
    case known(Bool?)
  }

  private let state = Mutex(State.unknown)

  /// The answer is there.
  func give(_ answer: Bool) { settle(answer) }

  /// Waits for the answer.
  ///
  /// - Throws: `CancellationError`.
  func get() async throws -> Bool {
    let answer: Bool? = await park { parked -> Bool?? in
      state.withLock { state in
        if case .known(let answer) = state { return .some(answer) }
        if Task.isCancelled { return .some(nil) }
        state = .waiting(parked)
        return nil
      }
    } leave: { [self] in
      settle(nil)
    }
    guard let answer else { throw CancellationError() }
    return answer
  }

  private func settle(_ answer: Bool?) {
    let waiter: Parked<Bool?>? = state.withLock { state in
      switch state {
      case .unknown:
        state = .known(answer)
        return nil
      case .waiting(let parked):
        state = .known(answer)
        return parked
      case .known: return nil
      }
    }
    waiter?.resume(answer)
  }
}
