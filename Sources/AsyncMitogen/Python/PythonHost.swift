internal import Synchronization

/// What a router has to do with Python contexts: it passes modules and files of packages to those below it. The master
/// has a finder for them, other contexts ask their parents.
///
/// Nothing is served, and no finder runs, before somebody has asked for a description, as every start of a Python context
/// does.
final class PythonHost: Sendable {
  private struct State: Sendable {
    var modules: ModuleTable
    var resources = ResourceTable()
    var finder: ModuleFinder?
    var isServing = false
    var isEnded = false
    var tickets: [UInt64: AwaitedValue<PythonModule>] = [:]
    var nextTicket: UInt64 = 0
    /// Whether it has been logged that too many wait, since the last moment when nobody did.
    var hasToldOfRefusal = false
    /// Known in a context whose parents are Python's.
    var description: PythonDescription?
  }

  private let installation: PythonInstallation?
  private let policy: PythonImportPolicy
  private let maximumMessageSize: Int
  private let isRoot: Bool
  private let state: Mutex<State>

  static let log = Logger("mitogen.importer")

  init(_ configuration: RouterConfiguration, isRoot: Bool) {
    installation = configuration.python
    policy = configuration.python?.policy ?? PythonImportPolicy()
    maximumMessageSize = configuration.maxMessageSize
    self.isRoot = isRoot
    state = Mutex(State(modules: ModuleTable(findsRelated: isRoot)))
  }

  // MARK: starting contexts

  /// The preamble of a new Python context.
  ///
  /// - Throws: ``PythonUnavailableError``, ``TimeoutError``, `CancellationError`, and what asking the master throws.
  func preamble(for configuration: ChildConfiguration, router: Router, timeout: Duration) async throws -> [UInt8] {
    let python = try await description(router: router, timeout: timeout)
    let core = try await module("mitogen.core", router: router, timeout: timeout)
    guard let content = core.content else {
      throw PythonUnavailableError(description: "the master has no source of mitogen.core")
    }
    return PythonPreamble.bytes(core: content.compressed, configuration: configuration, python)
  }

  /// What the master says of the Mitogen beside it.
  func description(router: Router, timeout: Duration) async throws -> PythonDescription {
    if let known = state.withLock({ $0.description }) { return known }
    let description: PythonDescription
    if isRoot {
      let version = try await describe(router, timeout).integers ?? []
      description = PythonDescription(
        version: version, blocks: policy.blocks.sorted(), overrides: policy.overrides.sorted())
    } else {
      let reply = try await PendingReply.perform(
        Message(destination: .master, handle: .pythonDescription), respondent: .master, router: router,
        timeout: timeout, isCall: false)
      description = try PythonDescription(payload: reply.payload)
    }
    state.withLock { $0.description = description }
    return description
  }

  private func module(_ name: String, router: Router, timeout: Duration) async throws -> PythonModule {
    let ticket = state.withLock { state in
      state.nextTicket += 1
      return state.nextTicket
    }
    defer { state.withLock { _ = $0.tickets.removeValue(forKey: ticket) } }
    return try await AwaitedValue.perform("the source of \(name)", timeout: timeout, loop: router.loop) { value in
      self.state.withLock { $0.tickets[ticket] = value }
      router.loop.enqueue {
        router.enter { router in self.request(name, for: .own(ticket), router) }
      }
    }
  }

  /// Answers a context that wants to start Python ones.
  func answerDescription(_ message: Message, _ router: isolated Router) {
    guard message.replyTo != .none, !message.isDead else { return }
    let router = router
    Task(executorPreference: router.taskExecutor) {
      var payload: [UInt8]?
      do {
        payload = try await self.description(router: router, timeout: .seconds(30)).payload()
      } catch {
        payload = try? PickleEncoder().encode("\(error)")
      }
      guard let payload else { return }
      router.post(
        Message(destination: message.source, handle: message.replyTo, encoding: .pickle, payload: payload))
    }
  }

  // MARK: the finder

  /// The finder; it is started if it does not run.
  private func runningFinder(_ router: Router) throws -> ModuleFinder {
    try state.withLock { state in
      if let finder = state.finder { return finder }
      guard let installation else {
        throw PythonUnavailableError(description: "RouterConfiguration.python is nil: no Python contexts are served")
      }
      guard let broker = router.broker, !state.isEnded else {
        throw PythonUnavailableError(
          description: state.isEnded ? "the router has ended" : "a simulated router starts no processes")
      }
      // A pickle is longer than what it holds.
      let finder = try ModuleFinder(
        installation, broker: broker, answerLimit: maximumMessageSize + 1 << 20)
      do {
        try finder.start()
      } catch {
        throw ModuleFinder.unavailable(installation, "it cannot be heard: \(error)")
      }
      state.finder = finder
      state.isServing = true
      return finder
    }
  }

  private func describe(_ router: Router, _ timeout: Duration) async throws -> Unpickled.Node {
    let finder = try runningFinder(router)
    do {
      return try await AwaitedValue.perform("the Python beside the master", timeout: timeout, loop: router.loop) {
        value in
        finder.ask("describe", []) { value.finish($0.mapError { $0 }) }
      }
    } catch {
      // The next one may find another state of things: something has been installed, or got well again.
      forget(finder)
      guard let error = error as? PythonUnavailableError, let installation else { throw error }
      throw ModuleFinder.unavailable(installation, error.description)
    }
  }

  private func forget(_ finder: ModuleFinder) {
    state.withLock { state in
      if state.finder === finder { state.finder = nil }
    }
    finder.end()
  }

  /// The router has ended.
  func end() {
    let finder = state.withLock { state in
      state.isEnded = true
      return state.finder.take()
    }
    finder?.end()
  }

  // MARK: messages

  /// A neighbour asks for a module.
  func receiveGetModule(_ message: Message, _ link: LinkIdentifier?, _ router: isolated Router) {
    guard let neighbour = neighbour(link, message, router) else { return }
    guard let name = PythonModuleName.read(message.payload) else {
      return PythonHost.log.error("GET_MODULE from context \(message.source) names no module")
    }
    guard !isRoot || state.withLock({ $0.isServing }), policy.allows(name) else {
      return send(PythonModule(name: name), to: neighbour, router)
    }
    request(name, for: .neighbour(neighbour), router)
  }

  /// The parent sends a module.
  func receiveLoadModule(_ message: Message, _ router: isolated Router) {
    guard !message.isDead else { return }
    do {
      let module = try PythonModule(payload: message.payload)
      receive(module, router)
    } catch {
      PythonHost.log.error("LOAD_MODULE from context \(message.source): \(error)")
    }
  }

  /// A parent has a module passed on to a context below this one, which will need it.
  func receiveForwardModule(_ message: Message, _ router: isolated Router) {
    guard !message.isDead, let separator = message.payload.firstIndex(of: 0),
      let target = UInt32(String(decoding: message.payload[..<separator], as: UTF8.self)).map(
        ContextID.init(rawValue:)),
      let name = PythonModuleName.read(message.payload[(separator + 1)...])
    else { return }
    guard let link = router.table.link(to: target), link != router.table.parentLink,
      let neighbour = router.table.links[link]?.remote
    else { return PythonHost.log.error("dropping forward of \(name): no way to context \(target)") }
    request(name, for: .neighbour(neighbour), router)
    guard neighbour != target else { return }
    router.route(
      Message(destination: neighbour, source: router.contextID, handle: .forwardModule, payload: message.payload),
      from: nil)
  }

  /// A neighbour asks for a file of a package.
  func receiveGetResource(_ message: Message, _ link: LinkIdentifier?, _ router: isolated Router) {
    guard let neighbour = neighbour(link, message, router) else { return }
    guard let root = try? Unpickled(message.payload, globals: .denyAll).root,
      let name = try? PythonResource.Name(root)
    else { return PythonHost.log.error("GET_RESOURCE from context \(message.source) names no file of a package") }
    let isServed = !isRoot || state.withLock({ $0.isServing })
    switch isServed && policy.allows(name.package)
      ? state.withLock({ $0.resources.request(name, for: neighbour) }) : .refuse
    {
    case .wait: break
    case .find: find(name, router)
    case .refuse: send(PythonResource(name: name, content: nil), to: neighbour, router)
    }
  }

  /// The parent sends a file of a package.
  func receiveLoadResource(_ message: Message, _ router: isolated Router) {
    guard !message.isDead else { return }
    do {
      receive(try PythonResource(payload: message.payload), router)
    } catch {
      PythonHost.log.error("LOAD_RESOURCE from context \(message.source): \(error)")
    }
  }

  /// Who asked: the neighbour at the other end of a link, never a parent.
  private func neighbour(
    _ link: LinkIdentifier?, _ message: Message, _ router: isolated Router
  ) -> ContextID? {
    guard !message.isDead, let link, link != router.table.parentLink else { return nil }
    return router.table.links[link]?.remote
  }

  /// A context can no longer be reached.
  func contextIsGone(_ context: ContextID) {
    state.withLock {
      $0.modules.remove(context)
      $0.resources.remove(context)
    }
  }

  // MARK: acting

  private func request(_ name: String, for requester: ModuleTable.Requester, _ router: isolated Router) {
    perform(state.withLock { $0.modules.request(name, for: requester) }, router)
  }

  private func receive(_ module: PythonModule, _ router: isolated Router) {
    let actions = state.withLock { state in
      defer { if state.modules.waitingCount == 0 { state.hasToldOfRefusal = false } }
      return state.modules.receive(module)
    }
    perform(actions, router)
  }

  private func perform(_ actions: [ModuleTable.Action], _ router: isolated Router) {
    for action in actions {
      switch action {
      case .find(let name): find(name, router)
      case .send(let module, let neighbour): send(module, to: neighbour, router)
      case .give(let module, let ticket): state.withLock { $0.tickets[ticket] }?.finish(.success(module))
      case .refuse(let name, let requester):
        tellOfRefusal(name)
        switch requester {
        case .neighbour(let neighbour): send(PythonModule(name: name), to: neighbour, router)
        case .own(let ticket): state.withLock { $0.tickets[ticket] }?.finish(.success(PythonModule(name: name)))
        }
      }
    }
  }

  /// Once, or the log would grow as fast as somebody asks.
  private func tellOfRefusal(_ name: String) {
    let isFirst = state.withLock { state in
      defer { state.hasToldOfRefusal = true }
      return !state.hasToldOfRefusal
    }
    if isFirst { PythonHost.log.error("too many wait for Python modules: \(name) is refused, and others may be") }
  }

  private func find(_ name: String, _ router: isolated Router) {
    guard isRoot else {
      guard let parent = router.table.parentID else { return receive(PythonModule(name: name), router) }
      return router.route(
        Message(destination: parent, source: router.contextID, handle: .getModule, payload: Array(name.utf8)),
        from: nil)
    }
    guard policy.allows(name), let finder = state.withLock({ $0.finder }) else {
      return receive(PythonModule(name: name), router)
    }
    finder.ask("module", [name]) { [self, weak router] result in
      router?.enter { receive(module(name, result), $0) }
    }
  }

  private func module(_ name: String, _ result: Result<Unpickled.Node, PythonUnavailableError>) -> PythonModule {
    do {
      let found = try result.get()
      guard !found.isNone else {
        PythonHost.log.debug("no source of \(name)")
        return PythonModule(name: name)
      }
      guard var content = PythonModule.Content(found: found) else { throw StreamError("it is no module") }
      content.related = content.related.filter(policy.allows)
      let module = PythonModule(name: name, content: content)
      guard module.cost <= maximumMessageSize else { throw StreamError("it is larger than a message may be") }
      return module
    } catch let error as PythonUnavailableError where error.isEnd {
      // That has been logged.
      return PythonModule(name: name)
    } catch {
      PythonHost.log.error("\(name) cannot be served: \(error)")
      return PythonModule(name: name)
    }
  }

  private func find(_ name: PythonResource.Name, _ router: isolated Router) {
    guard isRoot else {
      guard let parent = router.table.parentID, let payload = try? name.payload() else {
        return receive(PythonResource(name: name, content: nil), router)
      }
      return router.route(
        Message(
          destination: parent, source: router.contextID, handle: .getResource, encoding: .pickle, payload: payload),
        from: nil)
    }
    guard let finder = state.withLock({ $0.finder }) else {
      return receive(PythonResource(name: name, content: nil), router)
    }
    finder.ask("resource", [name.package, name.name]) { [self, weak router] result in
      let content = (try? result.get())?.bytes
      router?.enter { receive(PythonResource(name: name, content: content), $0) }
    }
  }

  private func receive(_ resource: PythonResource, _ router: isolated Router) {
    for neighbour in state.withLock({ $0.resources.receive(resource.name) }) { send(resource, to: neighbour, router) }
  }

  private func send(_ module: PythonModule, to neighbour: ContextID, _ router: isolated Router) {
    guard let payload = try? module.payload() else { return }
    router.route(
      Message(
        destination: neighbour, source: router.contextID, handle: .loadModule, encoding: .pickle, payload: payload),
      from: nil)
  }

  private func send(_ resource: PythonResource, to neighbour: ContextID, _ router: isolated Router) {
    var resource = resource
    // One that does not fit is none, or who waits for it would wait without end.
    if resource.content?.count ?? 0 > maximumMessageSize - 4_096 { resource.content = nil }
    guard let payload = try? resource.payload() else { return }
    router.route(
      Message(
        destination: neighbour, source: router.contextID, handle: .loadResource, encoding: .pickle, payload: payload),
      from: nil)
  }
}

extension PythonModule.Content {
  /// Reads what the finder tells of a module; nil if that is something else.
  init?(found node: Unpickled.Node) {
    guard node.isSequence, node.count == 4, let path = node.element(1).text, let compressed = node.element(2).bytes,
      let related = node.element(3).texts
    else { return nil }
    self.init(submodules: node.element(0).texts, path: path, compressed: compressed, related: related)
  }
}
