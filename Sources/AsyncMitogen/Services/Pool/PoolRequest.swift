/// A request that its policies allow, in its pool.
///
/// Not a value: it changes several times on its way, and its pool alone has it.
final class PoolRequest {
  enum Stage: Sendable {
    /// Its invoker has not told it to run, and need not do so ever.
    case admitted
    /// It is to run, and waits for room in the pool.
    case lined
    case running
    case ended
  }

  let work: PoolWork
  var stage = Stage.admitted
  /// Whether it counts among those that wait.
  var isWaiting = true
  /// Whether it has been answered, or nobody wants an answer any more.
  var isSettled = false
  /// How its method ended, if that says more than the outcome does.
  var end: MethodTally.End?
  var task: Task<Void, Never>?
  let tally: MethodTally

  init(_ work: PoolWork, _ tally: MethodTally) {
    self.work = work
    self.tally = tally
  }

  /// By which its caller names it; nil if the caller expects nothing.
  var key: CallAdmission.Key? {
    let message = work.message
    return message.replyTo == .none ? nil : CallAdmission.Key(source: message.source, replyTo: message.replyTo)
  }

  /// Whether nothing more can happen to it.
  var isDone: Bool { isSettled && (stage == .admitted || stage == .ended) }
}

/// What a request wants done.
struct PoolWork: Sendable {
  let id: RequestID
  let message: Message
  let service: String
  let method: MethodDescription
  /// What travelled with the call.
  let fields: [String: String]
  /// How large the message was that stood at the door, which had those in it.
  let doorBytes: Int
}

/// A service in its pool, or on its way there.
///
/// Not a value, as requests are none: its pool alone has it.
final class PoolService {
  let description: ServiceDescription
  let tally: ServiceTally
  var invoker: any Invoker
  /// Nil while it is being made.
  var service: (any Service)?
  /// The requests that wait for it to be made, in order.
  private var waiting = WaitingLine<InvokerRequest>()
  var watch: ServiceWatch?

  init(_ description: ServiceDescription, _ service: (any Service)?) {
    self.description = description
    tally = ServiceTally(description)
    self.service = service
    invoker = description.strategy.make()
  }

  /// A request waits until the service is there.
  func wait(_ request: InvokerRequest) { waiting.append(request, ticket: Ticket(request.id.number)) }

  /// Nobody waits for a request any more.
  func forget(_ id: RequestID) { _ = waiting.remove(Ticket(id.number)) }

  /// The requests that wait no longer, in order.
  func takeWaiting() -> [InvokerRequest] { waiting.removeAll() }
}
