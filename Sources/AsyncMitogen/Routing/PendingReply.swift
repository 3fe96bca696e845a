internal import Synchronization

/// One message that waits for the one that answers it: lighter than a ``Receiver``, for calls that are awaited at once.
///
/// Ends exactly once: with the answer, a dead message, the time-out, or the cancellation of the waiting task.
final class PendingReply: Sendable {
  // Safe: the continuation is taken out under the lock by the one who resumes it.
  @safe private struct State: @unchecked Sendable {
    var continuation: UnsafeContinuation<Message, any Error>?
    var result: Result<Message, any Error>?
    var isFinished = false
  }

  private let state = Mutex(State())
  private let router: Router
  private let respondent: ContextID
  /// Whether the respondent is told if nobody waits any more.
  private let isCall: Bool
  private let handle = Atomic<UInt32>(0)

  /// What was called, and since when and until when its answer is awaited.
  let awaited: AwaitedAnswer

  private init(router: Router, respondent: ContextID, isCall: Bool, awaited: AwaitedAnswer) {
    self.router = router
    self.awaited = awaited
    self.respondent = respondent
    self.isCall = isCall
  }

  /// Sends a message with a reply address of its own, and waits.
  ///
  /// - Parameter isCall: Whether it calls something, which is cancelled if nobody waits any more.
  /// - Throws: ``ChannelError`` if the answer is a dead message, ``TimeoutError``, `CancellationError`.
  static func perform(
    _ message: Message, respondent: ContextID, router: Router, timeout: Duration?, isCall: Bool
  ) async throws -> Message {
    let pending = PendingReply(
      router: router, respondent: respondent, isCall: isCall,
      awaited: AwaitedAnswer(called: message.handle, since: router.coarseNow, timeout: timeout))
    var message = message
    message.replyTo = try router.register(pending, respondent: respondent)
    pending.handle.store(message.replyTo.rawValue, ordering: .relaxed)
    router.post(message)
    let timer = timeout.map { timeout in
      router.loop.schedule(after: timeout) {
        pending.abandon(TimeoutError("a reply from context \(respondent)", timeout: timeout))
      }
    }
    defer { if let timer { router.loop.cancel(timer) } }
    let reply = try await withTaskCancellationHandler {
      try await unsafe withUnsafeThrowingContinuation { unsafe pending.wait($0) }
    } onCancel: {
      pending.abandon(CancellationError())
    }
    guard !reply.isDead else { throw ChannelError(dead: reply, in: router.contextID, respondent: respondent) }
    return reply
  }

  /// The answer has come.
  func finish(_ message: Message) { finish(.success(message)) }

  private func abandon(_ error: any Error) {
    guard finish(.failure(error)) else { return }
    let handle = Handle(rawValue: handle.load(ordering: .relaxed))
    router.unregister(handle)
    if isCall { router.cancelCall(in: respondent, handle) }
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
    let (isFirst, waiter) = state.withLock { state -> (Bool, Waiter) in
      guard !state.isFinished else { return unsafe (false, Waiter(continuation: nil)) }
      state.isFinished = true
      if let continuation = unsafe state.continuation.take() {
        return (true, unsafe Waiter(continuation: continuation))
      }
      state.result = result
      return unsafe (true, Waiter(continuation: nil))
    }
    unsafe waiter.continuation?.resume(with: result)
    return isFirst
  }

  // Safe: made and used by one thread within one function.
  @safe private struct Waiter: @unchecked Sendable {
    let continuation: UnsafeContinuation<Message, any Error>?
  }
}

extension Router {
  fileprivate nonisolated func register(_ pending: PendingReply, respondent: ContextID) throws -> Handle {
    try handlers.withLock {
      try $0.register(HandlerRegistration(persists: false, respondent: respondent), action: .reply(pending))
    }
  }
}
