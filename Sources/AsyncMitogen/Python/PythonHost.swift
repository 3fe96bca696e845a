internal import Synchronization

/// What a router has to do with Python contexts: it passes modules and files of packages to those below it. The master
/// has a finder for them, other contexts ask their parents.
///
/// Nothing is served, and no finder runs, before somebody has asked for a description, as every start of a Python context
/// does.
final class PythonHost: Sendable {
  struct State: Sendable {
    var modules: ModuleTable
    var finder: ModuleFinder?
    var isServing = false
    var isEnded = false
    var tickets: [UInt64: AwaitedValue<PythonModule>] = [:]
    var nextTicket: UInt64 = 0
    /// Whether it has been logged that too many wait, since the last moment when nobody did.
    var hasToldOfRefusal = false
    var description: PythonDescription?
    /// Whether a parent has told the description unasked, for the master is Python and knows nothing of such questions.
    var isInherited = false
    /// The source of `mitogen.core`, as long as nobody has needed it.
    var core: [UInt8]?
    /// How many contexts wait for it.
    var descriptionCount = 0
  }

  private let installation: PythonInstallation?
  let policy: PythonImportPolicy
  let maximumMessageSize: Int
  let isRoot: Bool
  let state: Mutex<State>

  static let log = Logger("mitogen.importer")
  /// How many contexts may wait for a description at once.
  private static let descriptionLimit = 256

  init(_ configuration: RouterConfiguration, isRoot: Bool) {
    installation = configuration.python
    policy = configuration.python?.policy ?? PythonImportPolicy()
    maximumMessageSize = configuration.maxMessageSize
    self.isRoot = isRoot
    state = Mutex(State(modules: ModuleTable(findsRelated: isRoot)))
  }

  // MARK: below a Python master

  /// Takes what the parent has told at the start.
  ///
  /// - Parameter core: The source of `mitogen.core`, if the parent has sent it.
  func inherit(_ description: PythonDescription, core: [UInt8]?) {
    state.withLock { state in
      (state.description, state.isInherited, state.core) = (description, true, core)
    }
  }

  /// What contexts below are told at their start.
  var inherited: PythonDescription? { state.withLock { $0.isInherited ? $0.description : nil } }

  /// Keeps the source of `mitogen.core` as a module, when somebody needs it: few contexts start others.
  func unpackCore(_ router: isolated Router) {
    guard let core = state.withLock({ $0.core.take() }) else { return }
    receive(
      PythonModule(
        name: "mitogen.core",
        content: PythonModule.Content(
          submodules: nil, path: "mitogen/core.py", compressed: GzipCompressor.zlib(core), related: [])),
      router)
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
    if let known = state.withLock({ $0.finder?.hasEnded == true ? nil : $0.description }) { return known }
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
    let mayAsk = state.withLock { state in
      guard state.descriptionCount < PythonHost.descriptionLimit else { return false }
      state.descriptionCount += 1
      return true
    }
    guard mayAsk else {
      return router.route(
        .dead(
          "too many ask", destination: message.source, source: router.contextID, handle: message.replyTo), from: nil)
    }
    let router = router
    Task(executorPreference: router.taskExecutor) {
      defer { self.state.withLock { $0.descriptionCount -= 1 } }
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
      // One that has ended, for whatever reason, is not the last.
      if let finder = state.finder, !finder.hasEnded { return finder }
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
}
