internal import Synchronization

/// What neighbours ask for, and what the parent sends.
extension PythonHost {
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
    forward(name, to: target, router)
  }

  /// Sends a module to a context below this one, and to those on the way.
  func forward(_ name: String, to target: ContextID, _ router: isolated Router) {
    guard let link = router.table.link(to: target), link != router.table.parentLink,
      let neighbour = router.table.links[link]?.remote
    else { return PythonHost.log.error("dropping forward of \(name): no way to context \(target)") }
    request(name, for: .neighbour(neighbour), router)
    guard neighbour != target else { return }
    router.route(
      Message(
        destination: neighbour, source: router.contextID, handle: .forwardModule,
        payload: Array("\(target)\0\(name)".utf8)), from: nil)
  }

  /// Looks for a file of a Python package, which nobody has registered as a resource.
  func findResource(
    _ name: ResourceName, _ router: isolated Router,
    _ answer: @escaping @Sendable (_ content: [UInt8]?, _ router: isolated Router) -> Void
  ) {
    guard PythonModuleName.read(name.package.utf8) != nil, policy.allows(name.package),
      let finder = state.withLock({ $0.finder })
    else { return answer(nil, router) }
    finder.ask("resource", [name.package, name.name]) { [weak router] result in
      let content = (try? result.get())?.bytes
      router?.enter { answer(content, $0) }
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
    state.withLock { $0.modules.remove(context) }
  }

  // MARK: acting

  func request(_ name: String, for requester: ModuleTable.Requester, _ router: isolated Router) {
    if name == "mitogen.core" { unpackCore(router) }
    perform(state.withLock { $0.modules.request(name, for: requester) }, router)
  }

  func receive(_ module: PythonModule, _ router: isolated Router) {
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
      router?.enter { router in
        receive(module(name, result), router)
        // Whoever asks again asks the next one.
        if case .failure(let error) = result, error.isEnd { state.withLock { $0.modules.forget(name) } }
      }
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

  private func send(_ module: PythonModule, to neighbour: ContextID, _ router: isolated Router) {
    guard let payload = try? module.payload() else { return }
    router.route(
      Message(
        destination: neighbour, source: router.contextID, handle: .loadModule, encoding: .pickle, payload: payload),
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
