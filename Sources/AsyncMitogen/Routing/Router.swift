internal import Synchronization

/// Carries messages between the contexts of a tree, and starts and ends those below this one.
///
/// An actor on its broker's loop. Mitogen's `Router`, `RouteMonitor` and the parent's half of its `Connection`s. Get one
/// from ``withRouter(configuration:isolation:_:)``, or in a call from ``ExternalContext``.
@safe public actor Router: LaneActor, LaneRunnable {
  /// The executor of the broker's loop.
  public nonisolated let unownedExecutor: UnownedSerialExecutor
  /// The context that this router is in.
  public nonisolated let contextID: ContextID
  /// How this router behaves.
  public nonisolated let configuration: RouterConfiguration

  nonisolated let loop: any EventLoop
  /// The broker whose loop this is; nil in a simulation.
  nonisolated let broker: Broker?
  nonisolated let handlers: Mutex<HandlerTable>
  nonisolated let names = Mutex(ContextNames())
  /// How long functions took here; nil unless somebody wants to know.
  nonisolated let callProfile: CallProfile?
  /// When it began, by its loop's clock.
  nonisolated let startTime: UInt64
  /// What senders of this context have in flight.
  nonisolated let flows: FlowTable
  nonisolated let kinds = Mutex(ContextKinds())
  nonisolated let connectGate: ConnectGate
  /// Where forks come from.
  nonisolated let forks: ForkHost
  /// Who wants to hear what happens.
  nonisolated let eventHub = EventHub<RouterEvent> { .missed($0) }
  /// What contexts below get by name.
  nonisolated let resourceStore: ResourceStore
  /// The service pool of this context.
  nonisolated let services = ServiceHost()
  /// What Python contexts below get from here.
  nonisolated let python: PythonHost
  /// Where others of this machine can join.
  nonisolated let listeners = UnixListeners()
  /// Says how many functions run here and wait; set by what calls them.
  nonisolated let callSource = Mutex<(@Sendable () -> CallStatistics)?>(nil)
  /// Says what functions run here and wait, for people; set by what calls them.
  nonisolated let callDump = Mutex<(@Sendable (inout DumpText, _ now: UInt64) -> Void)?>(nil)
  /// Whether contexts that are started from here write debug logs, because somebody has asked for them meanwhile.
  nonisolated let isDebugging = Atomic(false)
  /// Whether they write dumps when they get the signal for it.
  nonisolated let dumpsOnSignal = Atomic(false)
  /// How many chains of calls have been made, which gives each its name.
  nonisolated let chainCount = Atomic<UInt64>(0)
  /// How many messages have gone to neighbours that were not in bulk: who sends in bulk makes way for others.
  nonisolated let foregroundCount = Atomic<UInt64>(0)
  private nonisolated let outbox = Mutex(Outbox())
  private nonisolated let parents: Mutex<[ContextID]>
  private var spareMessages: [Message] = []

  var table: RoutingTable
  var streams: [LinkIdentifier: Stream] = [:] {
    didSet { lastStream = nil }
  }
  /// The stream that was used last: the next message is likely to use it too.
  private var lastStream: (link: LinkIdentifier, stream: Stream)?
  var children: [LinkIdentifier: ChildLink] = [:]
  var peers: [LinkIdentifier: PeerLink] = [:]
  var linkWaiters: [CheckedContinuation<Void, Never>] = []
  var detachment = Detachment()
  var detachWaiters: [Ticket: CheckedContinuation<Void, any Error>] = [:]
  /// What detaching means to the process; nil where the router alone is not enough of a child.
  var detachHooks: DetachHooks?
  var allocator: ContextIDAllocator
  var parentIsOfOurKind = false
  /// How many messages only said that a side is there.
  var keepAliveMessages: UInt64 = 0
  var pauses = IngressPauses()
  var disconnectObservers: [UInt64: AsyncStream<Disconnect>.Continuation] = [:]
  var uploadObservers: [UInt64: AsyncStream<ImageUpload>.Continuation] = [:]
  var nextObserver: UInt64 = 0
  var isEnding = false
  /// Nothing waits for anything any more: handlers are gone, and observers have been told.
  var hasEnded = false
  var endWaiters: [CheckedContinuation<Void, Never>] = []
  var shutdownWaiters: [ContextID: [UInt64: CheckedContinuation<Void, Never>]] = [:]
  var isAllocatingBlock = false
  var blockWaiters: [CheckedContinuation<Void, Never>] = []
  /// What is done when the link to the parent ends; the child's process ends then.
  var parentEnded: (@Sendable (isolated Router) -> Void)?

  static let log = Logger("mitogen.router")

  private struct Outbox: Sendable {
    var messages: [Message] = []
    var isScheduled = false
  }

  /// Makes a router without neighbours.
  init(
    loop: any EventLoop, broker: Broker?, contextID: ContextID, parentIDs: [ContextID],
    configuration: RouterConfiguration
  ) {
    unsafe unownedExecutor = loop.lane
    self.loop = loop
    self.broker = broker
    self.contextID = contextID
    self.configuration = configuration
    let isProfiled = configuration.profiling || parentIDs.isEmpty && Profiling.isWantedByEnvironment
    callProfile = isProfiled ? CallProfile() : nil
    startTime = loop.now
    resourceStore = ResourceStore(configuration)
    connectGate = ConnectGate(limit: configuration.maxConcurrentConnections)
    forks = ForkHost(limit: configuration.maxConcurrentForks)
    python = PythonHost(configuration, isRoot: parentIDs.isEmpty)
    parents = Mutex(parentIDs)
    handlers = Mutex(HandlerTable())
    let query = CapabilityQuery()
    flows = FlowTable { context, answer in query.ask(context, answer) }
    table = RoutingTable(
      contextID: contextID, parentIDs: parentIDs, isUnidirectional: configuration.unidirectional,
      maximumMessageSize: configuration.maxMessageSize)
    allocator = parentIDs.isEmpty ? .master() : .child()
    query.router.withLock { $0 = RouterReference(router: self) }
  }

  /// Makes the router of a master on a broker, by itself; prefer ``withRouter(configuration:isolation:_:)``, which also
  /// ends it. Several routers may share a broker. End it with ``shutdown()``.
  public init(broker: Broker, configuration: RouterConfiguration = .init()) {
    self.init(loop: broker, broker: broker, contextID: .master, parentIDs: [], configuration: configuration)
    addStandardHandlers()
    beginDiagnostics()
  }

  /// This context. Mitogen's `myself()`.
  public nonisolated var myself: Context { Context(router: self, id: contextID, name: "self") }

  /// Where functions and methods that are called run: a task that prefers it runs beside them, on the broker's threads, and
  /// does not wait for what keeps the program's other threads busy.
  public nonisolated var taskExecutor: any TaskExecutor { loop.tasks }

  /// The parents of this context, nearest first; empty in a master.
  public nonisolated var parentIDs: [ContextID] { parents.withLock { $0 } }

  /// The context with this identifier, with the name that this router knows it by. Mitogen's `context_by_id`.
  public nonisolated func context(_ id: ContextID) -> Context {
    Context(router: self, id: id, name: names.withLock { $0[id] })
  }

  /// How many bytes wait to be written to the neighbour over which a context is reached; 0 if none is.
  public func pendingBytes(to context: Context) -> Int {
    guard let link = table.linkOrParent(to: context.id), let stream = streams[link] else { return 0 }
    return stream.enter { $0.pendingBytes }
  }

  /// The contexts that have been started from here or announced from below, and are there now.
  public var reachableContexts: [Context] {
    table.links.filter { $0.key != table.parentLink }.values.flatMap(\.reachable).sorted().map { context($0) }
  }

  // MARK: routing

  /// Sends a message of this context's own; from any thread, without waiting. Mitogen's `route`.
  ///
  /// Source and authority are filled in. Messages posted one after the other by one thread leave in that order.
  public nonisolated func post(_ message: Message) {
    var message = message
    message.source = contextID
    message.authority = contextID
    let schedules = outbox.withLock { outbox in
      outbox.messages.append(message)
      defer { outbox.isScheduled = true }
      return !outbox.isScheduled
    }
    if schedules { loop.enqueue(self) }
  }

  nonisolated var isOnLane: Bool { loop.holdsLane }

  nonisolated func runOnLane() { enter { $0.drainOutbox() } }

  private func drainOutbox() {
    var messages: [Message] = []
    swap(&messages, &spareMessages)
    outbox.withLock { outbox in
      outbox.isScheduled = false
      swap(&messages, &outbox.messages)
    }
    for message in messages { route(message, from: nil) }
    // Kept for its memory, unless it once held many.
    guard messages.capacity <= 1_024 else { return }
    messages.removeAll(keepingCapacity: true)
    swap(&messages, &spareMessages)
  }

  /// Takes a message that came in on a link.
  func receive(_ message: Message, from link: LinkIdentifier) {
    guard stream(of: link) != nil else { return }
    if message.handle == .forwardLog { notePrinted(message, link) }
    route(message, from: link)
  }

  func route(_ message: Message, from ingress: LinkIdentifier?) {
    var message = message
    switch table.route(&message, from: ingress) {
    case .deliver: deliver(message, from: ingress)
    case .forward(let link): forward(message, from: ingress, to: link)
    case .refuse(let reason, let isUnreachable): refuse(message, reason, isUnreachable: isUnreachable)
    case .drop(let text):
      table.countRefused()
      Router.log.error(text)
    }
  }

  private func stream(of link: LinkIdentifier) -> Stream? {
    if let lastStream, lastStream.link == link { return lastStream.stream }
    guard let stream = streams[link] else { return nil }
    lastStream = (link, stream)
    return stream
  }

  private func forward(_ message: Message, from ingress: LinkIdentifier?, to link: LinkIdentifier) {
    guard let stream = stream(of: link) else {
      return refuse(
        message, DeadReason.noRoute(to: message.destination, from: contextID), isUnreachable: true)
    }
    if pauses.isStalled(link) {
      return refuse(
        message, DeadReason.stalled(message.destination, limit: IngressPauses.highWatermark), isUnreachable: true)
    }
    let pending = stream.enter { stream in
      stream.send(message)
      return stream.pendingBytes
    }
    if pending > IngressPauses.highWatermark { streamIsFull(link, pending, ingress) }
  }

  private func deliver(_ message: Message, from ingress: LinkIdentifier?) {
    let delivery = handlers.withLock { handlers in
      handlers.deliver(
        message, from: ingress.flatMap { table.links[$0]?.remote }, isFromParent: table.hasParentAuthority(message))
    }
    switch delivery {
    case .act(.reply(let pending)): pending.finish(message)
    case .act(.queue(let queue)): queue.deliver(message)
    case .act(.closure(let closure)): closure(message)
    case .act(.router(let action)): action(self, message, ingress)
    case .refuse(let reason): refuse(message, reason, isUnreachable: true)
    }
  }

  /// Tells whoever waits that a message could not be delivered. A dead message never causes another.
  private func refuse(_ message: Message, _ reason: String, isUnreachable: Bool) {
    table.countRefused()
    // Of a log record that cannot be delivered none is made: it could not be delivered either.
    if message.handle != .forwardLog { Router.log.debug("\(message): \(reason)") }
    if message.replyTo != .none, !message.isDead {
      route(.dead(reason, destination: message.source, source: contextID, handle: message.replyTo), from: nil)
    } else if !isUnreachable, !message.isDead {
      route(.dead(reason, destination: message.destination, source: contextID, handle: message.handle), from: nil)
    }
  }

  /// This context is a root from now on: it goes on without its parent.
  func becomeRoot() {
    table.becomeRoot()
    parents.withLock { $0 = [] }
  }

  /// Sends what has been posted, now and not later in this turn.
  func flushOutbox() { drainOutbox() }
}

extension Router: MessagePort {
  nonisolated func register(
    _ registration: HandlerRegistration, handler: @escaping @Sendable (Message) -> Void
  ) throws -> Handle {
    let action = registration.queue.map { HandlerTable.Action.queue($0) } ?? .closure(handler)
    return try handlers.withLock { try $0.register(registration, action: action) }
  }

  nonisolated func unregister(_ handle: Handle) { handlers.withLock { _ = $0.remove(handle) } }

  nonisolated var coarseNow: UInt64 { loop.coarseNow }

  nonisolated func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    let timer = loop.schedule(after: delay, action)
    return { [weak loop] in loop?.cancel(timer) }
  }
}

/// The names that contexts are known by here; bounded, for neighbours announce them.
struct ContextNames: Sendable {
  /// How many names are kept.
  static let limit = 262_144
  private var names: [ContextID: String] = [:]

  /// How many are known.
  var count: Int { names.count }

  subscript(_ id: ContextID) -> String? { names[id] }

  mutating func set(_ id: ContextID, _ name: String) {
    guard names.count < ContextNames.limit || names[id] != nil else { return }
    names[id] = name
  }

  mutating func remove(_ id: ContextID) { names[id] = nil }
}

/// Lets the flows of a router ask it, without holding it.
private final class CapabilityQuery: Sendable {
  let router = Mutex<RouterReference?>(nil)

  func ask(_ context: ContextID, _ answer: @escaping @Sendable (Bool) -> Void) {
    guard let router = router.withLock({ $0?.router }) else { return answer(false) }
    router.understands(context, answer)
  }
}

private struct RouterReference: Sendable {
  weak let router: Router?
}
