internal import Synchronization

extension Router {
  /// Calls `handler` for messages to a handle. Mitogen's `add_handler`.
  ///
  /// The handler runs on the broker: it must not block. It gets a dead message when no other will come: when the
  /// respondent disconnects, and when the router ends.
  ///
  /// - Parameters:
  ///   - handle: The handle; a new one if nil.
  ///   - persist: Whether it stays after its first message, as it does by default.
  ///   - policy: Says whether a message may be delivered; all may by default. See ``MessagePolicy``.
  ///   - respondent: The only context whose messages are delivered; any by default.
  ///   - overwrite: Whether a handler that is there already is replaced.
  /// - Returns: The handle.
  /// - Throws: ``StreamError`` if the handle is taken.
  @discardableResult
  public nonisolated func addHandler(
    _ handle: Handle? = nil, persist: Bool = true, policy: MessagePolicy? = nil, respondent: Context? = nil,
    overwrite: Bool = false, _ handler: @escaping @Sendable (Message) -> Void
  ) throws -> Handle {
    var registration = HandlerRegistration(
      handle: handle, persists: persist, respondent: respondent?.id, overwrites: overwrite)
    registration.policy = policy?.bound(to: self)
    return try register(registration, handler: handler)
  }

  /// Removes what is registered for a handle. Mitogen's `del_handler`.
  ///
  /// - Throws: ``StreamError`` if nothing is.
  public nonisolated func deleteHandler(_ handle: Handle) throws {
    guard handlers.withLock({ $0.remove(handle) }) else { throw StreamError("no handler is registered for \(handle)") }
  }

  /// How many handles are registered.
  public nonisolated var handlerCount: Int { handlers.withLock { $0.count } }

  /// Contexts as they become unreachable, for any number of observers. Mitogen's `disconnect` signal of contexts.
  ///
  /// An observer that is more than 4,096 events behind misses the newest.
  public var disconnects: AsyncStream<Disconnect> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Disconnect.self, bufferingPolicy: .bufferingOldest(4_096))
    guard !isEnding else {
      continuation.finish()
      return stream
    }
    nextObserver += 1
    let number = nextObserver
    disconnectObservers[number] = continuation
    continuation.onTermination = { [weak self] _ in
      self?.loop.enqueue { self?.enter { $0.disconnectObservers[number] = nil } }
    }
    return stream
  }

  /// How much of the program has been sent to each context that is being started from here, for any number of
  /// observers: for a progress bar.
  ///
  /// An observer that is more than 4,096 events behind misses the newest. What contexts below send is theirs to tell.
  public var uploads: AsyncStream<ImageUpload> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: ImageUpload.self, bufferingPolicy: .bufferingOldest(4_096))
    guard !isEnding else {
      continuation.finish()
      return stream
    }
    nextObserver += 1
    let number = nextObserver
    uploadObservers[number] = continuation
    continuation.onTermination = { [weak self] _ in
      self?.loop.enqueue { self?.enter { $0.uploadObservers[number] = nil } }
    }
    return stream
  }

  /// Gives all that comes from a neighbour the authority of this context, or takes it back. Mitogen's `auth_id`.
  public func setPrivileged(_ context: Context, _ isPrivileged: Bool) {
    guard let link = table.link(to: context.id) else { return }
    table.stamp(link, authority: isPrivileged ? contextID : nil)
  }

  /// Whether contexts below may talk only to this context and its parents. Mitogen's `unidirectional`.
  public var isUnidirectional: Bool {
    get { table.isUnidirectional }
    set { table.isUnidirectional = newValue }
  }

  /// The contexts to which something was sent that came in over the link of a neighbour. Mitogen's `egress_ids`.
  public func egress(of context: Context) -> Set<ContextID> {
    table.link(to: context.id).flatMap { table.links[$0]?.egress } ?? []
  }

  /// Sends a message and waits for the one that answers it.
  func request(_ message: Message, respondent: ContextID, timeout: Duration?) async throws -> Message {
    try await PendingReply.perform(message, respondent: respondent, router: self, timeout: timeout, isCall: false)
  }
}

/// Says which messages a handler may get. Mitogen's policy functions.
public struct MessagePolicy: Sendable {
  private let allows: @Sendable (_ message: Message, _ sender: ContextID?, _ router: Router) -> Bool

  func bound(to router: Router) -> @Sendable (Message, ContextID?) -> Bool {
    { [weak router, allows] message, sender in router.map { allows(message, sender, $0) } ?? false }
  }

  /// Makes a policy of your own; it runs on the broker and must not block.
  ///
  /// - Parameter allows: Gets the message and the neighbour on whose link it came in, nil if it is this context's own.
  public init(_ allows: @escaping @Sendable (_ message: Message, _ sender: ContextID?) -> Bool) {
    self.allows = { message, sender, _ in allows(message, sender) }
  }

  private init(router: @escaping @Sendable (Message, ContextID?, Router) -> Bool) { allows = router }

  /// Messages that act for this context or one of its parents. Mitogen's `has_parent_authority`.
  public static let parentAuthority = MessagePolicy(router: { message, _, router in
    message.authority == router.contextID || router.parentIDs.contains(message.authority)
  })

  /// Messages from a neighbour itself, not from behind it. Mitogen's `is_immediate_child`; a message of this context's
  /// own comes from no neighbour.
  public static let immediateChild = MessagePolicy { message, sender in message.source == sender }
}
