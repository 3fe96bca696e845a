internal import Synchronization

/// One message that waits for the one that answers it: lighter than a ``Receiver``, for calls that are awaited at once.
///
/// Ends exactly once: with the answer, a dead message, the time-out, or the cancellation of the waiting task.
final class PendingReply: Sendable {
  @safe private struct State: @unchecked Sendable {
    // Safe: the continuation is taken out under the lock by the one who resumes it.
    var continuation: UnsafeContinuation<Message, any Error>?
    var result: Result<Message, any Error>?
    var isFinished = false
  }

  private let state = Mutex(State())

  /// Sends a message with a reply address of its own, and waits.
  ///
  /// - Parameter onAbandon: Called with the reply handle if nobody waits any more and no answer came.
  /// - Throws: ``ChannelError`` if the answer is a dead message, ``TimeoutError``, `CancellationError`.
  static func perform(
    _ message: Message, respondent: ContextID, port: any MessagePort, timeout: Duration?,
    onAbandon: (@Sendable (Handle) -> Void)?
  ) async throws -> Message {
    let pending = PendingReply()
    let handle = try port.register(HandlerRegistration(persists: false, respondent: respondent)) { reply in
      pending.finish(.success(reply))
    }
    var message = message
    message.replyTo = handle
    let abandon: @Sendable (any Error) -> Void = { error in
      guard pending.finish(.failure(error)) else { return }
      port.unregister(handle)
      onAbandon?(handle)
    }
    port.post(message)
    let cancelTimer = timeout.map { timeout in
      port.schedule(after: timeout) { abandon(TimeoutError("a reply from context \(respondent)", timeout: timeout)) }
    }
    defer { cancelTimer?() }
    let reply = try await withTaskCancellationHandler {
      try await unsafe withUnsafeThrowingContinuation { unsafe pending.wait($0) }
    } onCancel: {
      abandon(CancellationError())
    }
    guard !reply.isDead else { throw ChannelError(dead: reply, in: port.contextID, respondent: respondent) }
    return reply
  }

  private func wait(_ continuation: UnsafeContinuation<Message, any Error>) {
    let result = state.withLock { state -> Result<Message, any Error>? in
      if let result = state.result.take() { return result }
      unsafe state.continuation = continuation
      return nil
    }
    if let result { unsafe continuation.resume(with: result) }
  }

  @discardableResult
  private func finish(_ result: Result<Message, any Error>) -> Bool {
    let (isFirst, continuation) = state.withLock { state -> (Bool, Waiter) in
      guard !state.isFinished else { return unsafe (false, Waiter(continuation: nil)) }
      state.isFinished = true
      if let continuation = unsafe state.continuation.take() { return (true, unsafe Waiter(continuation: continuation)) }
      state.result = result
      return unsafe (true, Waiter(continuation: nil))
    }
    unsafe continuation.continuation?.resume(with: result)
    return isFirst
  }

  // Safe: made and used by one thread within one function.
  @safe private struct Waiter: @unchecked Sendable {
    let continuation: UnsafeContinuation<Message, any Error>?
  }
}
