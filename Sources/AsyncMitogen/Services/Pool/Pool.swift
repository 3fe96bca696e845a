internal import Synchronization

/// The services of a context: answers calls to them, and runs their methods, so many at once.
///
/// ```swift
/// try await withRouter { router in
///   let pool = Pool(router: router, services: [Counter(router: router)])
///   let child = try await router.local()
///   try await child.call { try await ExternalContext.current?.master.call(Counter.total) }
///   await pool.close()
/// }
/// ```
///
/// A router has one pool at a time, and keeps it until it is closed, or the router ends. A child makes its own when a
/// parent calls a service for the first time, of ``RouterConfiguration/poolSize``, unless the program has made one there.
/// Methods run as tasks on the broker's threads, beside functions that are called. Mitogen's `Pool`.
///
/// An actor on its broker's loop: a request is looked at where it was read.
@safe public actor Pool: LaneActor, LaneRunnable {
  /// The executor of the broker's loop.
  public nonisolated let unownedExecutor: UnownedSerialExecutor
  /// How many methods run at once; also one that waits for something counts.
  public nonisolated let size: Int
  /// The router whose calls it answers.
  public nonisolated let router: Router

  nonisolated let intake: PoolIntake
  /// Who wants to hear what happens to it.
  nonisolated let eventHub = EventHub<PoolEvent> { .missed($0) }
  nonisolated let activator: any ServiceActivator
  nonisolated let pendingEvents = Mutex(PoolEvents())
  /// What values need to know of where they arrive.
  nonisolated let userInfo: [CodingUserInfoKey: any Sendable]
  private nonisolated let environment: ExternalContext?
  private nonisolated let startFailure: (any Error)?

  enum Phase: Sendable {
    case open
    /// Nothing comes in, and something runs.
    case closing
    /// Nothing runs, and the services hear of the end.
    case ending
    case closed
  }

  var phase = Phase.open
  /// Whether the router ends, and its callers hear that this context is gone.
  var isAborted = false
  var services: [String: PoolService] = [:]
  /// The names of the services that are there, in the order in which they came.
  var order: [String] = []
  /// Services that the first call makes, whoever it comes from.
  var declared: [String: ServiceDescription] = [:]
  /// What requests have named that were let through, while services neither come nor go.
  var targets = KnownTargets<(ServiceDescription, MethodDescription)>(
    beginning: ServiceRequest.beginning, limit: 1_024)
  var digests = KnownDigests()
  var requests: [RequestID: PoolRequest] = [:]
  var requestsByCaller: [CallAdmission.Key: RequestID] = [:]
  var slots: PoolSlots
  /// Work of the program that waits for room, or runs.
  var deferred: [RequestID: @Sendable @concurrent () async throws -> Void] = [:]
  var deferredTasks: [RequestID: Task<Void, Never>] = [:]
  /// How many services are being made, and how many hear of events.
  var activationCount = 0
  var watchCount = 0
  var closeWaiters: [Ticket: CheckedContinuation<Void, Never>] = [:]
  /// Services on handles of their own.
  var handleServices: [Handle: String] = [:]
  private var lastNumber: UInt64 = 0
  /// How many requests have been refused that belong to no method.
  var refusedCount = 0
  /// What there is to know of a pool that has ended.
  var lastStatistics: PoolStatistics?

  static let log = Logger("mitogen.service")

  /// How much may wait in a pool unless it is told otherwise: 65,536 requests and 256 MiB of them.
  public static let standardQueueLimit = QueueLimit.standard

  /// Makes the pool of a router, and begins to answer.
  ///
  /// If the router has a pool already, or two services have one name, the pool is closed from the start; ``add(_:)`` and
  /// ``join()`` throw the reason, which is logged too.
  ///
  /// - Parameters:
  ///   - router: The router whose calls it answers.
  ///   - services: The first services.
  ///   - size: How many methods run at once; the router's ``RouterConfiguration/poolSize`` if nil, which is 16 by
  ///     default. A method that calls another in its own pool waits for room there.
  ///   - queueLimit: How much may wait; further requests are refused. 65,536 requests and 256 MiB by default.
  ///   - activator: Makes services when they are first called; by default those of this program, for parents.
  public init(
    router: Router, services: [any Service] = [], size: Int? = nil,
    queueLimit: QueueLimit = Pool.standardQueueLimit, activator: any ServiceActivator = DefaultServiceActivator()
  ) {
    let count = max(1, size ?? router.configuration.poolSize)
    let intake = PoolIntake(limit: queueLimit)
    unsafe unownedExecutor = router.loop.lane
    self.size = count
    self.router = router
    self.activator = activator
    self.intake = intake
    userInfo = [.router: router]
    environment = router.parentIDs.isEmpty ? nil : ExternalContext(router: router)
    slots = PoolSlots(size: count)
    var failure: (any Error)?
    do {
      for service in services {
        let description = try ServiceDescription.of(type(of: service))
        guard self.services[description.name] == nil else {
          throw ServiceRefusal.alreadyRegistered(description.name)
        }
        self.services[description.name] = PoolService(description, service)
        order.append(description.name)
      }
      try router.services.reserve(intake, router)
    } catch {
      failure = error
      phase = .closed
      _ = intake.close()
      Pool.log.error("the service pool cannot start: \(error)")
    }
    startFailure = failure
    guard failure == nil else { return }
    router.services.attach(self)
    if !services.isEmpty { beginWatching() }
  }

  // MARK: services

  /// Adds a service. Mitogen's `add`.
  ///
  /// - Throws: ``ServiceError`` if there is one of that name, two of its methods have one name, or the pool is closed;
  ///   what kept the pool from starting.
  public func add(_ service: any Service) throws {
    let description = try checked(ServiceDescription.of(type(of: service)))
    declared[description.name] = nil
    insert(PoolService(description, service))
    watch(description.name)
  }

  /// Adds a service that the first call to it makes, whoever it comes from: its methods' policies are all there is.
  ///
  /// - Throws: As ``add(_:)`` with a service.
  public func add(_ type: any Service.Type) throws {
    let description = try checked(ServiceDescription.of(type))
    guard declared[description.name] == nil else { throw ServiceRefusal.alreadyRegistered(description.name) }
    declared[description.name] = description
  }

  /// The service of a type; nil if it is not there yet. Mitogen's `get_service`.
  public func service<Host: Service>(_ type: Host.Type = Host.self) -> Host? {
    services[Host.name]?.service as? Host
  }

  /// The names of the services that are there, in the order in which they came.
  public var serviceNames: [String] { order }

  /// Makes a service forget results that it remembers; for ``InvokerStrategy/deduplicating`` ones. What is under way is
  /// answered to those who wait for it, and not remembered.
  ///
  /// - Parameters:
  ///   - type: The service.
  ///   - method: The method; all if nil.
  public func invalidate<Host: Service>(_ type: Host.Type, method: String? = nil) {
    services[Host.name]?.invoker.invalidate(method: method, arguments: nil)
  }

  /// Makes a service forget the result of a method for these arguments.
  ///
  /// - Throws: What encoding the arguments throws.
  public func invalidate<Host: Service, Arguments: Transferable, Reply: Transferable>(
    _ method: ServiceMethod<Host, Arguments, Reply>, _ arguments: Arguments
  ) throws {
    let value = try PickleDecoder().decode(PickledValue.self, from: try PickleEncoder().encode(arguments))
    services[Host.name]?.invoker.invalidate(method: method.name, arguments: value)
  }

  func checked(_ description: ServiceDescription) throws -> ServiceDescription {
    if let startFailure { throw startFailure }
    guard phase == .open else { throw ServiceRefusal.poolClosed }
    guard services[description.name] == nil else { throw ServiceRefusal.alreadyRegistered(description.name) }
    return description
  }

  func insert(_ service: PoolService) {
    targets.removeAll()
    services[service.description.name] = service
    if service.service != nil { order.append(service.description.name) }
  }

  // MARK: work of the program

  /// Runs work of the program when there is room, after what waits already. Mitogen's `defer`.
  ///
  /// What it throws is logged. Work that has not begun when the pool is closed is dropped, which is logged too.
  ///
  /// - Throws: ``ServiceError`` if the pool is closed.
  public func `defer`(_ work: @escaping @Sendable @concurrent () async throws -> Void) throws {
    if let startFailure { throw startFailure }
    guard phase == .open else { throw ServiceRefusal.poolClosed }
    let id = nextID()
    deferred[id] = work
    if slots.enter(id) { start(id) }
  }

  func nextID() -> RequestID {
    lastNumber += 1
    return RequestID(lastNumber)
  }

  // MARK: the end

  /// Closes the pool, and waits for its end: nothing more comes in, what waits is refused, what runs runs to its end.
  /// Then each service hears of it once, by ``Service/onShutdown()``. Mitogen's `stop`.
  ///
  /// May be called again. It does not wait in a method of the pool, for the method would wait for itself, and no longer
  /// once the calling task is cancelled; the pool closes all the same.
  public func close() async {
    beginClosing()
    guard Pool.current !== self else { return }
    await waitForEnd()
  }

  /// Waits until somebody has closed the pool and everything has ended. Mitogen's `join`.
  ///
  /// - Throws: What kept the pool from starting; `CancellationError`.
  public func join() async throws {
    if let startFailure { throw startFailure }
    await waitForEnd()
    try Task.checkCancellation()
  }

  /// Whether the pool has been closed: it takes nothing more.
  public var isClosed: Bool { phase != .open }

  /// How many methods, and pieces of deferred work, run now.
  public var runningCount: Int { slots.runningCount }

  /// How many requests wait now: for room, for their turn, or for a service that is being made.
  public nonisolated var waitingCount: Int { intake.waitingCount }

  nonisolated var isOnLane: Bool { router.loop.holdsLane }

  nonisolated func runOnLane() {
    enter {
      $0.takeEvents()
      $0.takeSome()
    }
  }

  /// Runs `body` with what functions and methods find in a child.
  nonisolated func inEnvironment<Result: Sendable>(
    _ body: @Sendable () async throws -> Result
  ) async throws -> Result {
    guard let environment else { return try await body() }
    return try await ExternalContext.binding.withValue(environment) { try await body() }
  }

  private nonisolated func beginWatching() {
    Task(executorPreference: router.loop.tasks) { await self.watchAll() }
  }
}
