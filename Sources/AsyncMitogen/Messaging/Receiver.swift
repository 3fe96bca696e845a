/// The messages to one handle of this context, decoded, for the tasks that wait for them.
///
/// Copies share the queue: each element goes to one of the tasks that wait, first come, first served. When the last
/// copy goes, the handle is unregistered; to keep only a ``sender`` does not keep a receiver.
///
/// Waiting is cancellable, and loses nothing: an element is either returned or stays for the next who waits. Elements
/// that are there already are returned also to a task that is cancelled.
///
/// Iteration ends where the other side closed its sender, or this side the receiver; it throws when messages are lost
/// because a context is gone. Several tasks may iterate, each with its own iterator.
///
/// Mitogen's `Receiver`. Other than there, elements that came before ``close()`` can still be read after it, and an
/// iteration does not end silently when the other side was lost.
public struct Receiver<Element: Sendable>: AsyncSequence, Sendable {
  let core: ReceiverCore
  let coding: ElementCoding<Element>

  init(core: ReceiverCore, coding: ElementCoding<Element>) {
    self.core = core
    self.coding = coding
  }

  /// Registers a handle and receives what is sent to it.
  ///
  /// - Parameters:
  ///   - port: The router.
  ///   - handle: The handle; a new one if nil. If it is taken, waiting throws a ``StreamError``.
  ///   - persist: Whether more than one message is expected.
  ///   - respondent: The only context that is heard; when it is gone, waiting throws a ``ChannelError``.
  ///   - respondentName: Its name, for people.
  ///   - overwrite: Whether a handler that is there already is replaced.
  ///   - limit: How much is held for slow consumers.
  ///   - policy: Says whether a message may be delivered; all may if nil.
  ///   - awaited: The answer that it is for, if it is for one.
  ///   - coder: How elements are read, and written by ``sender``.
  init(
    port: any MessagePort, handle: Handle? = nil, persist: Bool = true, respondent: ContextID? = nil,
    respondentName: String? = nil, overwrite: Bool = false, limit: QueueLimit = .standard,
    policy: (@Sendable (Message, ContextID?) -> Bool)? = nil, awaited: AwaitedAnswer? = nil,
    coder: ElementCoder<Element>
  ) {
    coding = ElementCoding(coder)
    core = ReceiverCore(
      port: port,
      registration: HandlerRegistration(
        handle: handle, persists: persist, respondent: respondent, overwrites: overwrite, policy: policy),
      limit: limit, respondentName: respondentName, coding: coding, awaited: awaited)
  }

  /// The number that others send to; nil when no more messages can come.
  public var handle: Handle? { core.queue.handle }

  /// The number of messages that wait to be taken; only advice when several tasks take them.
  public var size: Int { core.queue.count }

  /// Waits for the next element.
  ///
  /// - Parameter timeout: How long to wait at most; for ever if nil. With zero, only what is there already is returned.
  /// - Throws: ``ChannelError`` if a dead message came in the element's place (the receiver goes on, and later elements
  ///   can be awaited) or if no more can come; ``TimeoutError``; `CancellationError`; what decoding throws.
  public func get(timeout: Duration? = nil) async throws -> Element {
    try coding.coder.decode(try await core.message(timeout: timeout))
  }

  /// What sends to this receiver: also from other contexts, as an argument of a call. Mitogen's `to_sender()`.
  public var sender: Sender<Element> {
    let port = core.queue.port
    return Sender(port: port, contextID: port.contextID, handle: core.handle, coder: coding.coder)
  }

  /// Ends the receiver: its handle is unregistered, its senders hear of it. May be called again.
  ///
  /// Elements that came before can still be taken. Tasks that wait get a ``ChannelError``, or their iteration ends.
  public func close() { core.queue.close() }

  /// The context that elements are expected from, if it is only one.
  /// Ends it with an error that its consumer gets.
  func fail(_ error: any Error) { core.queue.close(.failed(error)) }

  var respondent: ContextID? { core.respondent }

  /// That context's name, for people.
  var respondentName: String? { core.respondentName }

  /// Waits for the next message as it came, which may be dead. Mitogen's `get(throw_dead=False)`.
  func getMessage(timeout: Duration? = nil) async throws -> Message { try await core.anyMessage(timeout: timeout) }

  /// Calls `hook` once if the first message will not be awaited any more: the last copy of the receiver is gone, or it
  /// was closed, or the only task that waited was cancelled or out of time. The hook must not hold the receiver.
  func onAbandon(_ hook: @escaping @Sendable () -> Void) { core.queue.onAbandon(hook) }
}

extension Receiver {
  /// Takes elements one by one, for one task.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let receiver: Receiver
    private var isFinished = false

    fileprivate init(_ receiver: Receiver) { self.receiver = receiver }

    /// Waits for the next element, on the actor of the caller; nil at the end.
    ///
    /// - Throws: ``ChannelError`` if the other side was lost; `CancellationError`; what decoding throws.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Element? {
      guard !isFinished else { return nil }
      do {
        guard let message = try await receiver.core.nextMessage() else {
          isFinished = true
          return nil
        }
        return try receiver.coding.coder.decode(message)
      } catch {
        isFinished = true
        throw error
      }
    }
  }

  /// Makes an iterator for one task.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}

extension Receiver: Hashable {
  /// Whether both are copies of one receiver.
  public static func == (left: Receiver, right: Receiver) -> Bool { left.core === right.core }

  /// Hashes the receiver's identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(core)) }
}
