/// Runs every request as it comes; the pool's size is the only bound. Mitogen's `Invoker`.
public struct ConcurrentInvoker: Invoker {
  /// Makes an invoker.
  public init() {}

  /// Runs it.
  public mutating func admit(_ request: InvokerRequest, now: Duration) -> [InvokerAction] { [.run(request.id)] }

  /// Answers it.
  public mutating func finished(_ request: RequestID, _ outcome: ServiceOutcome, now: Duration) -> [InvokerAction] {
    [.answer(request, outcome)]
  }

  /// Cancels it.
  public mutating func cancel(_ request: RequestID, now: Duration) -> [InvokerAction] { [.cancel(request)] }
}
