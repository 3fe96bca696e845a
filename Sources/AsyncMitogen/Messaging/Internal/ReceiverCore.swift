/// What all copies of a receiver share; when the last goes, the handle is unregistered.
///
/// The registered handler holds the queue, not this, so it does not keep a receiver alive that nobody can read.
final class ReceiverCore: Sendable {
  /// The messages.
  let queue: MessageQueue
  /// The handle that was registered first of all, which ``Sender``s of this receiver send to.
  let handle: Handle
  /// The context that messages are expected from, if it is only one.
  let respondent: ContextID?
  /// That context's name, for people.
  let respondentName: String?
  /// The `ElementCoder` of the receiver, whose element's type is not known here.
  let coding: any AnyElementCoding

  /// Registers a handle.
  ///
  /// If that fails the receiver has failed: who waits for it gets the error.
  init(
    port: any MessagePort, registration: HandlerRegistration, limit: QueueLimit, respondentName: String?,
    coding: any AnyElementCoding, awaited: AwaitedAnswer? = nil
  ) {
    let queue = MessageQueue(
      port: port, persists: registration.persists, respondent: registration.respondent, limit: limit, awaited: awaited)
    self.queue = queue
    respondent = registration.respondent
    self.respondentName = respondentName
    self.coding = coding
    var registration = registration
    registration.queue = queue
    do {
      handle = try port.register(registration) { queue.deliver($0) }
      queue.open(handle)
    } catch {
      handle = registration.handle ?? .none
      queue.close(.failed(error))
    }
  }

  deinit { queue.close() }

  /// Waits for a message.
  ///
  /// - Throws: ``ChannelError`` at a dead message and after the end, ``TimeoutError``, `CancellationError`.
  func message(timeout: Duration?) async throws -> Message {
    let message = try await anyMessage(timeout: timeout)
    guard !message.isDead else { throw error(of: message) }
    return message
  }

  /// Waits for a message, which may be dead.
  ///
  /// - Throws: ``ChannelError`` after the end, ``TimeoutError``, `CancellationError`.
  func anyMessage(timeout: Duration?) async throws -> Message {
    switch await queue.receive(timeout: timeout) {
    case .message(let message): return message
    case .ended(let end): throw end.error
    case .cancelled: throw CancellationError()
    case .timedOut: throw TimeoutError("waiting for a message", timeout: timeout ?? .zero)
    }
  }

  /// Waits for a message; nil at an end that somebody meant.
  func nextMessage() async throws -> Message? {
    switch await queue.receive(timeout: nil) {
    case .message(let message):
      guard message.isDead else { return message }
      let error = error(of: message)
      // Everything else is loss, and must not look like the end.
      guard error.reason == DeadReason.senderClosed else { throw error }
      return nil
    case .ended(let end):
      guard end.isOrderly else { throw end.error }
      return nil
    case .cancelled: throw CancellationError()
    case .timedOut: return nil  // Not without a timeout.
    }
  }

  /// The error that a dead message stands for.
  func error(of message: Message) -> ChannelError {
    ChannelError(dead: message, in: queue.port.contextID, respondent: respondent)
  }
}

/// An ``ElementCoding``, whatever its element.
protocol AnyElementCoding: AnyObject, Sendable {}

/// An ``ElementCoder`` that all copies of a receiver share.
final class ElementCoding<Element: Sendable>: AnyElementCoding {
  /// How elements are written and read.
  let coder: ElementCoder<Element>

  /// Shares a coder.
  init(_ coder: ElementCoder<Element>) { self.coder = coder }
}
