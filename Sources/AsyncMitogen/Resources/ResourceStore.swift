internal import Synchronization

/// The resources of a context: what a root gives, what others have got, and who waits.
final class ResourceStore: Sendable {
  /// How many bytes a context keeps that is not the root.
  static let byteLimit = 64 << 20
  /// How many may wait for resources at once.
  static let waitingLimit = 4_096
  /// How many may be registered.
  static let sourceLimit = 65_536
  /// What a message has beside the content.
  private static let messageOverhead = 4_096

  private typealias Waiter = Parked<Result<[UInt8]?, any Error>>

  private struct State: Sendable {
    var table: ResourceTable<Waiter>
    var sources: ResourceSources
    var nextNumber: UInt64 = 0
    var hasEnded = false
  }

  private static let log = Logger("mitogen.resource")

  private let state: Mutex<State>
  private let maximumSize: Int

  init(_ configuration: RouterConfiguration, byteLimit: Int = ResourceStore.byteLimit) {
    maximumSize = max(0, configuration.maxMessageSize - ResourceStore.messageOverhead)
    state = Mutex(
      State(
        table: ResourceTable(byteLimit: byteLimit, waitingLimit: ResourceStore.waitingLimit),
        sources: ResourceSources(limit: ResourceStore.sourceLimit)))
  }

  // MARK: what a root gives

  func register(_ source: ResourceSources.Source, as name: ResourceName, _ router: Router) throws {
    guard name.isPossible else { throw ResourceError(.impossibleName, name) }
    guard router.parentIDs.isEmpty else { throw ResourceError(.notRoot, name) }
    guard state.withLock({ $0.sources.register(source, as: name) }) else { throw ResourceError(.limit, name) }
  }

  func register(directory: String, as package: String, _ router: Router) throws {
    let name = ResourceName(package: package, name: "*")
    guard name.isPossible else { throw ResourceError(.impossibleName, name) }
    guard router.parentIDs.isEmpty else { throw ResourceError(.notRoot, name) }
    guard state.withLock({ $0.sources.register(directory: directory, as: package) }) else {
      throw ResourceError(.limit, name)
    }
  }

  // MARK: who wants something

  func get(_ name: ResourceName, timeout: Duration?, _ router: Router) async throws -> [UInt8]? {
    guard name.isPossible else { throw ResourceError(.impossibleName, name) }
    try Task.checkCancellation()
    let number = state.withLock { state in
      state.nextNumber += 1
      return state.nextNumber
    }
    let expiry = Expiry()
    let stop = timeout.map { timeout in
      router.schedule(after: timeout) { [self] in
        expiry.pass()
        leave(number, name, TimeoutError("waiting for the resource \(name.name)", timeout: timeout))
      }
    }
    defer { stop?() }
    let result: Result<[UInt8]?, any Error> = await park { parked in
      let (outcome, mustFind) = enter(name, number, parked, expiry, timeout)
      if mustFind { router.loop.enqueue { [self] in router.enter { find(name, $0) } } }
      return outcome
    } leave: { [self] in
      leave(number, name, CancellationError())
    }
    return try result.get()
  }

  private func enter(
    _ name: ResourceName, _ number: UInt64, _ parked: Waiter, _ expiry: Expiry, _ timeout: Duration?
  ) -> (outcome: Result<[UInt8]?, any Error>?, mustFind: Bool) {
    state.withLock { state in
      if Task.isCancelled { return (.failure(CancellationError()), false) }
      if expiry.isOver, let timeout {
        return (.failure(TimeoutError("waiting for the resource \(name.name)", timeout: timeout)), false)
      }
      if state.hasEnded { return (.failure(ChannelError(DeadReason.brokerExited)), false) }
      switch state.table.request(name, for: .local(number, parked)) {
      case .found(let content): return (.success(content), false)
      case .find: return (nil, true)
      case .wait: return (nil, false)
      case .refuse: return (.failure(ResourceError(.limit, name)), false)
      }
    }
  }

  private func leave(_ number: UInt64, _ name: ResourceName, _ error: any Error) {
    state.withLock { $0.table.remove(number, from: name) }?.resume(.failure(error))
  }

  /// GET_RESOURCE of a context right below.
  func receiveRequest(_ message: Message, _ link: LinkIdentifier?, _ router: isolated Router) {
    guard !message.isDead, message.payload.count <= 4 * ResourceName.limit else { return }
    do {
      let name = try ResourceName(try Unpickled(message.payload).root)
      switch state.withLock({ $0.table.request(name, for: .neighbour(message.source)) }) {
      case .found(let content): send(Resource(name: name, content: content), to: message.source, router)
      case .find: find(name, router)
      case .wait: break
      case .refuse:
        ResourceStore.log.warning("\(ResourceError(.limit, name)): context \(message.source) gets none")
        send(Resource(name: name), to: message.source, router)
      }
    } catch {
      ResourceStore.log.error("GET_RESOURCE from context \(message.source): \(error)")
    }
  }

  /// LOAD_RESOURCE of the parent.
  func receiveAnswer(_ message: Message, _ router: isolated Router) {
    guard !message.isDead else { return }
    do {
      receive(try Resource(payload: message.payload), keeps: true, router)
    } catch {
      ResourceStore.log.error("LOAD_RESOURCE: \(error)")
    }
  }

  /// A context below is gone.
  func contextIsGone(_ context: ContextID) { state.withLock { $0.table.remove(context) } }

  /// Nothing will come any more.
  func end() {
    let waiters = state.withLock { state in
      state.hasEnded = true
      return state.table.removeAll()
    }
    for waiter in waiters { waiter.resume(.failure(ChannelError(DeadReason.brokerExited))) }
  }

  // MARK: where it is

  private func find(_ name: ResourceName, _ router: isolated Router) {
    if let parent = router.table.parentID, let payload = try? name.payload() {
      return router.route(
        Message(
          destination: parent, source: router.contextID, handle: .getResource, encoding: .pickle, payload: payload),
        from: nil)
    }
    guard let source = state.withLock({ $0.sources.find(name) }) else {
      if name == .build {
        return receive(Resource(name: name, content: Array(ImageIdentity.own.text.utf8)), keeps: false, router)
      }
      // Perhaps a file of a Python package.
      return router.python.findResource(name, router) { [self] content, router in
        receive(Resource(name: name, content: content), keeps: false, router)
      }
    }
    // Reading a file may take its time.
    Task(executorPreference: router.taskExecutor) { [self, weak router] in
      let resource = Resource(name: name, content: content(of: source, name))
      router?.loop.enqueue { [self, weak router] in router?.enter { receive(resource, keeps: false, $0) } }
    }
  }

  /// Nil if it cannot be read.
  private func content(of source: ResourceSources.Source, _ name: ResourceName) -> [UInt8]? {
    do {
      return try content(of: source)
    } catch {
      ResourceStore.log.debug("no resource \(name.package)/\(name.name): \(error)")
      return nil
    }
  }

  private func content(of source: ResourceSources.Source) throws -> [UInt8] {
    let file: OpenedFile
    switch source {
    case .bytes(let bytes): return bytes
    case .file(let path): file = try OpenedFile(path)
    case .beneath(let directory, let names):
      file = try OpenedFile(BeneathWalk.open(names, beneath: directory), path: names.joined(separator: "/"))
    }
    guard file.metadata.size <= maximumSize else {
      throw FileServiceError(.limit, path: file.path, detail: "it is larger than a message may be")
    }
    let bytes = try file.read(at: 0, count: file.metadata.size)
    try file.checkUnchanged()
    return bytes
  }

  private func receive(_ resource: Resource, keeps: Bool, _ router: isolated Router) {
    for requester in state.withLock({ $0.table.receive(resource, keeps: keeps) }) {
      switch requester {
      case .neighbour(let context): send(resource, to: context, router)
      case .local(_, let waiter): waiter.resume(.success(resource.content))
      }
    }
  }

  private func send(_ resource: Resource, to neighbour: ContextID, _ router: isolated Router) {
    var resource = resource
    // One that does not fit is none, or who waits for it would wait without end.
    if resource.content?.count ?? 0 > maximumSize { resource.content = nil }
    guard let payload = try? resource.payload() else { return }
    router.route(
      Message(
        destination: neighbour, source: router.contextID, handle: .loadResource, encoding: .pickle, payload: payload),
      from: nil)
  }
}
