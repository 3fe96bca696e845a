extension Context {
  /// Asks the context whether it is there; returns how long the answer took. Contexts of Python answer too.
  ///
  /// Its broker answers, however busy its calls are.
  ///
  /// - Parameter timeout: How long the answer may take, 5 s by default.
  /// - Throws: ``TimeoutError``, ``ChannelError`` if the context cannot be reached, ``StreamError`` without a router,
  ///   `CancellationError`.
  @discardableResult
  public func ping(timeout: Duration = .seconds(5)) async throws -> Duration {
    let router = try requireRouter()
    let start = router.loop.now
    do {
      _ = try await router.request(
        Message(destination: id, handle: .capabilities), respondent: id, timeout: timeout)
    } catch let error as ChannelError where error.reason == DeadReason.invalidHandle {
      // One that does not know the question is there as well.
    }
    return .nanoseconds(Int64(clamping: router.loop.now &- start))
  }
}
