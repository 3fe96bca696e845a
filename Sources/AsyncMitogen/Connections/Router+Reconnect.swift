internal import Synchronization

extension Router {
  /// A context, and after it is lost another one in its place, as often as a policy says.
  ///
  /// ```swift
  /// for try await host in router.keepConnected(SSHConnection(hostname: "k3")) {
  ///   do { try await watch(host) } catch is ChannelError { continue }
  /// }
  /// ```
  ///
  /// Each element is a new context, with a number of its own: what the last one knew is lost. The next is started when it is
  /// asked for and the last one is gone. The sequence ends when the policy gives up on a context that was lost, or the router
  /// ends. Leaving the loop leaves the context as it is.
  ///
  /// - Parameters:
  ///   - method: How, with its options.
  ///   - via: The context that starts it; this one if nil.
  ///   - policy: Says when it is tried again; by default after 1 s, then 2 s, up to 60 s, without end.
  ///   - authenticate: As of ``connect(_:via:authenticate:)``.
  /// - Throws: While iterating, what ``connect(_:via:authenticate:)`` throws, when the policy gives up after a failure.
  public nonisolated func keepConnected(
    _ method: some ConnectionMethod, via: Context? = nil, policy: ReconnectPolicy = .exponential(),
    authenticate: Authenticator? = nil
  ) -> AsyncThrowingStream<Context, any Error> {
    let keeper = ConnectionKeeper(router: self, policy: policy) { [weak self] in
      try await self?.connect(method, via: via, authenticate: authenticate)
    }
    return AsyncThrowingStream { try await keeper.next() }
  }
}

/// Has one context at a time.
///
/// One task asks, as with any `AsyncThrowingStream`; the lock is for the compiler's sake.
private final class ConnectionKeeper: Sendable {
  private let router: Router
  private let policy: ReconnectPolicy
  private let connect: @Sendable () async throws -> Context?
  /// The context that was given out last, and what tells of its end.
  private let current = Mutex<(context: Context, disconnects: AsyncStream<Disconnect>)?>(nil)

  init(router: Router, policy: ReconnectPolicy, connect: @escaping @Sendable () async throws -> Context?) {
    self.router = router
    self.policy = policy
    self.connect = connect
  }

  func next() async throws -> Context? {
    var loss: Disconnect?
    var number = 0
    if let (context, disconnects) = current.withLock({ $0 }) {
      for await event in disconnects where event.context == context {
        loss = event
        break
      }
      current.withLock { $0 = nil }
      try Task.checkCancellation()
      // Without a word of its end it is the router that has ended.
      guard let loss else { return nil }
      number = 1
      guard let delay = await policy.delay(before: ReconnectAttempt(number: number, loss: loss, error: nil)) else {
        return nil
      }
      guard await router.pause(for: delay) else { return nil }
    }
    while true {
      try Task.checkCancellation()
      // From before it is there, so that no end is missed.
      let disconnects = await router.disconnects
      do {
        guard let context = try await connect() else { return nil }
        current.withLock { $0 = (context, disconnects) }
        return context
      } catch {
        if error is CancellationError { throw error }
        guard await !router.isEnding else { return nil }
        number += 1
        let attempt = ReconnectAttempt(number: number, loss: loss, error: error)
        guard let delay = await policy.delay(before: attempt) else { throw error }
        guard await router.pause(for: delay) else { return nil }
      }
    }
  }
}
