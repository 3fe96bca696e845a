/// What receivers and senders need of a router; a test gives them a port of its own.
protocol MessagePort: AnyObject, Sendable {
  /// The context in which messages are received, and from which they are sent.
  var contextID: ContextID { get }

  /// Registers `handler` for messages to `handle`, or to a new one, at once and from any thread.
  ///
  /// - Throws: ``StreamError`` if the handle is taken and `registration` does not say to replace it.
  func register(_ registration: HandlerRegistration, handler: @escaping @Sendable (Message) -> Void) throws -> Handle

  /// Removes what is registered for `handle`, if anything. Its handler hears nothing more.
  func unregister(_ handle: Handle)

  /// Sends a message of this context's own; source and authority are filled in. Never blocks, from any thread.
  func post(_ message: Message)

  /// What this port's senders share: one table, for as long as the port lives.
  var flows: FlowTable { get }

  /// The time in nanoseconds on a clock that never goes back, a few milliseconds old.
  var coarseNow: UInt64 { get }

  /// Runs `action` after `delay`, unless the returned closure was called before.
  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> @Sendable () -> Void
}

extension MessagePort {
  var coarseNow: UInt64 { 0 }
}

/// What an answer is awaited of, for those who want to see who waits for whom.
struct AwaitedAnswer: Sendable {
  /// The handle of what was called.
  var called: Handle
  /// Since when, and until when at most, on the port's clock; `UInt64.max` if without end.
  var since: UInt64
  var deadline: UInt64

  init(called: Handle, since: UInt64, timeout: Duration?) {
    self.called = called
    self.since = since
    deadline = timeout.map { since &+ UInt64(max(0, $0.nanoseconds)) } ?? .max
  }
}

/// How a handler wants its messages.
struct HandlerRegistration: Sendable {
  /// The handle; a new one if nil.
  var handle: Handle?
  /// Whether it stays after its first message.
  var persists = true
  /// The only context it hears; when that disconnects, it gets a dead message and is removed.
  var respondent: ContextID?
  /// Whether a handler that is there already is replaced.
  var overwrites = false
  /// Says whether a message may be delivered; all may if nil. The second argument is the context at the other end of
  /// the link that it came in on, nil if it was sent by this context.
  var policy: (@Sendable (Message, ContextID?) -> Bool)?
  /// A rule that the router knows by itself, asked before `policy`.
  var standardPolicy: StandardPolicy?
  /// The queue that hears the messages, in place of a handler.
  var queue: MessageQueue?
}

/// Who may send to a standard handler. The router knows: no closure has to hold it.
enum StandardPolicy: Sendable {
  /// The neighbour on the link that the message came in on, the parent included. Mitogen's `is_immediate_child`.
  case immediateChild
  /// This context and its parents. Mitogen's `has_parent_authority`.
  case parent
}
