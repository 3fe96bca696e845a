/// What has happened to a pool's requests elsewhere, in its order, until the pool looks at it.
struct PoolEvents: Sendable {
  enum Event: Sendable {
    /// A method has run, or work of the program; with how it ended for those who count, if that is something else.
    case ended(RequestID, ServiceOutcome, MethodTally.End?)
    /// The arguments of a large request have been read.
    case read(InvokerRequest)
    case unreadable(RequestID, CallError)
  }

  private var events: [Event] = []

  /// Adds one; true if the pool has to be told.
  mutating func add(_ event: Event) -> Bool {
    events.append(event)
    return events.count == 1
  }

  /// Takes all.
  mutating func take() -> [Event] {
    defer { events = [] }
    return events
  }
}
