internal import Synchronization

/// A value that one task waits for, and that comes from elsewhere: once, unless time is up or the task is cancelled first.
final class AwaitedValue<Value: Sendable>: Sendable {
  private struct State: Sendable {
    var continuation: CheckedContinuation<Value, any Error>?
    var result: Result<Value, any Error>?
    var isFinished = false
  }

  private let state = Mutex(State())

  /// Waits for what `start` has somebody give.
  ///
  /// - Throws: What is given, ``TimeoutError`` or `CancellationError`.
  static func perform(
    _ what: String, timeout: Duration, loop: any EventLoop, start: (AwaitedValue) -> Void
  ) async throws -> Value {
    let value = AwaitedValue()
    let timer = loop.schedule(after: timeout) { value.finish(.failure(TimeoutError(what, timeout: timeout))) }
    defer { loop.cancel(timer) }
    return try await withTaskCancellationHandler {
      start(value)
      return try await withCheckedThrowingContinuation { value.wait($0) }
    } onCancel: {
      value.finish(.failure(CancellationError()))
    }
  }

  /// Gives the value; only the first one counts.
  func finish(_ result: Result<Value, any Error>) {
    let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
      guard !state.isFinished else { return nil }
      state.isFinished = true
      state.result = result
      return state.continuation.take()
    }
    continuation?.resume(with: result)
  }

  private func wait(_ continuation: CheckedContinuation<Value, any Error>) {
    let result = state.withLock { state in
      if state.result == nil { state.continuation = continuation }
      return state.result
    }
    if let result { continuation.resume(with: result) }
  }
}
