internal import Synchronization

/// The listeners of a router, which end with it.
final class UnixListeners: Sendable {
  private struct State {
    var all: [UnixListener] = []
    var isEnded = false
  }

  private let state = Mutex(State())

  /// Keeps a listener; false if the router has ended.
  func add(_ listener: UnixListener) -> Bool {
    state.withLock { state in
      guard !state.isEnded else { return false }
      state.all.append(listener)
      return true
    }
  }

  func remove(_ listener: UnixListener) {
    // Released outside of the lock: it may be the last reference.
    var removed: UnixListener?
    state.withLock { state in
      guard let index = state.all.firstIndex(where: { $0 === listener }) else { return }
      removed = state.all.remove(at: index)
    }
    _ = removed
  }

  /// There will be none any more; returns those that are there, to be closed.
  func end() -> [UnixListener] {
    state.withLock { state in
      state.isEnded = true
      return state.all
    }
  }
}
