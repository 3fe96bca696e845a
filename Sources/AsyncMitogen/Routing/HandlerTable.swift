/// What is registered for which handle, and who is to be told when a context is gone.
///
/// Pure; Mitogen's `_handle_map` and `_handles_by_respondent`.
struct HandlerTable: Sendable {
  /// What hears the messages of a handle.
  enum Action: Sendable {
    case closure(@Sendable (Message) -> Void)
    case reply(PendingReply)
    case queue(MessageQueue)
    /// One of the router's own, which also hears which link the message came in on.
    case router(@Sendable (isolated Router, Message, LinkIdentifier?) -> Void)
  }

  struct Entry: Sendable {
    var persists: Bool
    var respondent: ContextID?
    var policy: (@Sendable (Message, ContextID?) -> Bool)?
    var standardPolicy: StandardPolicy?
    var action: Action
  }

  private var entries: [Handle: Entry] = [:]
  private var nextHandle = Handle.firstDynamic.rawValue

  /// How many handles are registered.
  var count: Int { entries.count }

  /// All that is registered, in order of the handles.
  var all: [(handle: Handle, entry: Entry)] {
    entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// How many wait for the answer to a call, by the contexts that were called; those that want any one's are under nil.
  var callsInFlight: [ContextID?: Int] {
    entries.values.reduce(into: [:]) { counts, entry in
      if entry.action.awaited != nil { counts[entry.respondent, default: 0] += 1 }
    }
  }

  /// Registers an action for a handle, or for a new one.
  mutating func register(_ registration: HandlerRegistration, action: Action) throws(StreamError) -> Handle {
    let handle: Handle
    if let wanted = registration.handle {
      guard registration.overwrites || entries[wanted] == nil else {
        throw StreamError("cannot register a handle that already exists")
      }
      remove(wanted)
      handle = wanted
    } else {
      handle = allocate()
    }
    entries[handle] = Entry(
      persists: registration.persists, respondent: registration.respondent, policy: registration.policy,
      standardPolicy: registration.standardPolicy, action: action)
    return handle
  }

  /// Removes a handle; says whether it was there.
  @discardableResult
  mutating func remove(_ handle: Handle) -> Bool {
    entries.removeValue(forKey: handle) != nil
  }

  enum Delivery: Sendable {
    case act(Action)
    case refuse(String)
  }

  /// What is to be done with a message for this context; a handler for one message is removed with it.
  ///
  /// - Parameters:
  ///   - sender: The context at the other end of the link that the message came in on; nil if it is our own.
  ///   - isFromParent: Whether it acts for this context or one of its parents.
  mutating func deliver(
    _ message: Message, from sender: @autoclosure () -> ContextID?, isFromParent: @autoclosure () -> Bool = false
  ) -> Delivery {
    guard let entry = entries[message.handle] else { return .refuse(DeadReason.invalidHandle) }
    if let respondent = entry.respondent, !message.isDead, message.source != respondent {
      return .refuse(DeadReason.unexpectedContext)
    }
    switch entry.standardPolicy {
    case .parent: if !isFromParent() { return .refuse(DeadReason.refusedByPolicy) }
    case .immediateChild: if message.source != sender() { return .refuse(DeadReason.refusedByPolicy) }
    case nil: break
    }
    if let policy = entry.policy, !policy(message, sender()) { return .refuse(DeadReason.refusedByPolicy) }
    if !entry.persists { remove(message.handle) }
    return .act(entry.action)
  }

  /// Removes and returns what waits for messages of a context that is gone.
  mutating func removeWaiting(for respondent: ContextID) -> [(handle: Handle, action: Action)] {
    removeWaiting { $0 == respondent }
  }

  /// Removes and returns what waits for messages of contexts that are gone.
  mutating func removeWaiting(where isGone: (ContextID) -> Bool) -> [(handle: Handle, action: Action)] {
    // All are looked at: contexts end seldom, and handles come and go with each call.
    removeAll(entries.filter { $0.value.respondent.map(isGone) ?? false }.keys.sorted())
  }

  /// Removes and returns everything.
  mutating func removeAll() -> [(handle: Handle, action: Action)] { removeAll(entries.keys.sorted()) }

  private mutating func removeAll(_ handles: [Handle]) -> [(handle: Handle, action: Action)] {
    var removed: [(handle: Handle, action: Action)] = []
    for handle in handles {
      guard let entry = entries[handle] else { continue }
      remove(handle)
      removed.append((handle, entry.action))
    }
    return removed
  }

  private mutating func allocate() -> Handle {
    while true {
      let handle = Handle(rawValue: nextHandle)
      // After four thousand million handles it begins again, and passes over those still in use.
      nextHandle = handle.rawValue + 1 == Handle.firstFlow.rawValue ? Handle.firstDynamic.rawValue : nextHandle + 1
      if entries[handle] == nil { return handle }
    }
  }
}

extension HandlerTable.Action {
  /// The answer that is awaited, if one is.
  var awaited: AwaitedAnswer? {
    switch self {
    case .reply(let pending): pending.awaited
    case .queue(let queue): queue.awaited
    case .closure, .router: nil
    }
  }
}
