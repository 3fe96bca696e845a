import Synchronization

/// A task that is suspended until somebody resumes it, exactly once.
///
/// The one place of this layer that touches an unsafe continuation, which costs half of what a checked one does. It is
/// sound because a line gives each waiter out only once: whoever takes it from the line, under the line's lock, resumes.
@safe struct Parked<Outcome: Sendable>: Sendable {
  private let continuation: UnsafeContinuation<Outcome, Never>

  fileprivate init(_ continuation: UnsafeContinuation<Outcome, Never>) { unsafe self.continuation = continuation }

  /// Resumes the task; never call it under a lock.
  func resume(_ outcome: Outcome) { unsafe continuation.resume(returning: outcome) }
}

/// Suspends the calling task, which stays on its actor, until it is resumed or cancelled.
///
/// - Parameters:
///   - enter: Asks once more for the outcome, under the lock, and returns it, or puts the task into a line. It must
///     look at `Task.isCancelled` under that lock: `leave` may already have run, and found nobody.
///   - leave: Is called when the task is cancelled. It takes the task out of the line, and if it was there, resumes it.
func park<Outcome: Sendable>(
  enter: (Parked<Outcome>) -> Outcome?, leave: @escaping @Sendable () -> Void
) async -> Outcome {
  await withTaskCancellationHandler {
    await unsafe withUnsafeContinuation { continuation in
      let parked = unsafe Parked(continuation)
      if let outcome = enter(parked) { parked.resume(outcome) }
    }
  } onCancel: {
    leave()
  }
}

/// Whether the time that a wait was given is over.
///
/// A wait that parks several times has one; like cancellation, it may come while the task is not in the line.
final class Expiry: Sendable {
  private let flag = Atomic<Bool>(false)

  /// Whether the time is over.
  var isOver: Bool { flag.load(ordering: .acquiring) }

  /// Says that the time is over; take the task out of its line after this.
  func pass() { flag.store(true, ordering: .releasing) }
}
