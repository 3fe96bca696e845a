/// Runs one request at a time, in the order in which they came: the next begins when the last has ended, also if that
/// waits for something on the way. Mitogen's `SerializedInvoker`, without the loss of what is thrown.
public struct SerializedInvoker: Invoker {
  private var running: RequestID?
  private var waiting = WaitingLine<RequestID>()

  /// Makes an invoker.
  public init() {}

  /// How many requests wait for their turn.
  public var waitingCount: Int { waiting.count }

  /// Runs it if none runs; else it waits for its turn.
  public mutating func admit(_ request: InvokerRequest, now: Duration) -> [InvokerAction] {
    guard running == nil else {
      waiting.append(request.id, ticket: Ticket(request.id.number))
      return []
    }
    running = request.id
    return [.run(request.id)]
  }

  /// Answers it, and runs the next.
  public mutating func finished(_ request: RequestID, _ outcome: ServiceOutcome, now: Duration) -> [InvokerAction] {
    guard running == request else { return [] }
    running = waiting.popFirst()
    return [.answer(request, outcome)] + (running.map { [.run($0)] } ?? [])
  }

  /// Cancels it if it runs, else it leaves the line.
  public mutating func cancel(_ request: RequestID, now: Duration) -> [InvokerAction] {
    if running == request { return [.cancel(request)] }
    _ = waiting.remove(Ticket(request.number))
    return []
  }

  /// Answers all that wait.
  public mutating func close(_ outcome: ServiceOutcome) -> [InvokerAction] {
    waiting.removeAll().map { .answer($0, outcome) }
  }
}
