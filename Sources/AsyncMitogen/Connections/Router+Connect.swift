internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

extension Router {
  /// Starts a context. Mitogen's `connect`; ``local(remoteName:debug:connectTimeout:profiling:unidirectional:python:via:)``,
  /// `ssh`, `sudo` and their like are thin over it.
  ///
  /// The program is sent where it is not there already. At most ``RouterConfiguration/maxConcurrentConnections`` are
  /// under way at once, from each context; the others wait in order, without their time running.
  ///
  /// - Parameters:
  ///   - method: How, with its options.
  ///   - via: The context that starts it; this one if nil.
  ///   - authenticate: Answers what a program asks and the options do not, wherever in the tree it runs: a password, a
  ///     code, anything. nil answers nothing. Only asked by methods with `isInteractive`.
  /// - Throws: ``ConnectionError``, ``PasswordError``, ``HostKeyError``, ``StreamError`` if the options contradict each
  ///   other, `CancellationError`, and what a call of `via` throws.
  public nonisolated func connect(
    _ method: some ConnectionMethod, via: Context? = nil, authenticate: Authenticator? = nil
  ) async throws -> Context {
    var method = method
    method.options.unidirectional = method.options.unidirectional ?? configuration.unidirectional
    method.options.cache = method.options.cache ?? configuration.cache
    if let via, via.id != contextID { return try await connect(method, through: via, authenticate) }
    if let fork = method as? ForkConnection { return try await start(fork) }
    guard !(method is LocalConnection) else { return try await start(method, authenticate) }
    return try await connectGate.pass { try await start(method, authenticate) }
  }

  private nonisolated func start(
    _ method: some ConnectionMethod, _ authenticate: Authenticator?
  ) async throws -> Context {
    let id = try await allocateID()
    var launch = try await prepareLaunch(of: method, id, authenticate)
    do {
      let (launched, name) = try self.launch(&launch, method, id)
      return try await adopt(launched, id: id, name: name, timeout: method.options.connectTimeout)
    } catch var error as ConnectionError {
      if error.route.isEmpty { error.route = [contextID] }
      error.command = error.command.isEmpty ? launch.commandForPeople : error.command
      throw error
    }
  }

  /// Starts the process; in the task of whoever asked, so that the router does not wait for the system.
  private nonisolated func launch(
    _ launch: inout Launch, _ method: some ConnectionMethod, _ id: ContextID
  ) throws -> (LaunchedChild, name: String) {
    guard let broker else { throw ConnectionError.failed(launch.plan.path, "a simulated router starts no processes") }
    do {
      return try launchOnce(launch, method, id, broker)
    } catch let error as SystemError where error.code == EMFILE {
      // The soft limit is a default for programs that use select; this one does not.
      _ = amt_raise_descriptor_limit()
    } catch let error as SystemError {
      throw failure(launch.plan, error)
    }
    do {
      return try launchOnce(launch, method, id, broker)
    } catch let error as SystemError {
      throw failure(launch.plan, error)
    }
  }

  private nonisolated func failure(_ plan: LaunchPlan, _ error: SystemError) -> ConnectionError {
    let text = unsafe String(cString: strerror(error.code))
    var failure = ConnectionError.failed(plan.path, "Child start failed: [Errno \(error.code)] \(text)")
    if error.code == EMFILE { failure.hint = "raise the limit of open files (ulimit -Hn)" }
    if error.code == ENOENT { failure.hint = "\(plan.path) is not there, or not in PATH" }
    return failure
  }

  private nonisolated func launchOnce(
    _ launch: Launch, _ method: some ConnectionMethod, _ id: ContextID, _ broker: Broker
  ) throws -> (LaunchedChild, name: String) {
    let plan = launch.plan
    var descriptors = try ChildDescriptors(plan.streams)
    // The socket of a local process is closed when either ends, whatever happens.
    let keepAlive = launch.firstStage == nil ? nil : configuration.keepAliveInterval
    let greeting =
      try launch.preamble ?? childConfiguration(method.options, id, keepAlive: keepAlive).greeting()
    let process = try ChildProcess(
      path: plan.path, arguments: plan.arguments, environment: plan.wholeEnvironment, input: descriptors.input,
      output: descriptors.output, error: descriptors.error, terminal: descriptors.terminal, poller: broker.core.poller)
    descriptors.releaseChildSide()
    let transport = DescriptorTransport(
      input: descriptors.stream, output: descriptors.stream, poller: broker.core.poller, keepsAlive: true)
    var start = ChildStart(
      greeting: greeting, firstStage: launch.firstStage, endHint: plan.endHint, keepAlive: keepAlive)
    start.isPython = launch.preamble != nil
    if let dialogue = plan.login {
      start.login = ChildStart.Login(
        dialogue: dialogue, authenticate: launch.authenticate,
        stream: descriptors.errorOutput == nil ? descriptors.stream : nil)
    }
    let launched = LaunchedChild(
      process: process, transport: transport, errorOutput: descriptors.errorOutput, start: start)
    return (launched, method.contextName(processID: process.processID))
  }

  nonisolated func childConfiguration(
    _ options: ConnectionOptions, _ id: ContextID, keepAlive: Duration?
  ) -> ChildConfiguration {
    let debug = options.debug || configuration.debug || isDebugging.load(ordering: .relaxed)
    var child = ChildConfiguration(
      contextID: id, parentIDs: [contextID] + parentIDs, debug: debug,
      logLevels: debug ? LogLevels(.debug).rawValues : Logging.levels.rawValues,
      profiling: options.profiling || callProfile != nil,
      unidirectional: options.unidirectional ?? configuration.unidirectional,
      maximumMessageSize: configuration.maxMessageSize, poolSize: configuration.poolSize,
      maximumConcurrentCalls: configuration.maxConcurrentCalls, maximumQueuedCalls: configuration.maxQueuedCalls,
      maximumConcurrentConnections: configuration.maxConcurrentConnections,
      maximumConcurrentForks: configuration.maxConcurrentForks, cache: options.cache ?? configuration.cache,
      keepAlive: keepAlive, keepAliveInterval: configuration.keepAliveInterval)
    child.dumpsOnSignal = configuration.dumpsOnSignal || dumpsOnSignal.load(ordering: .relaxed) ? true : nil
    child.idleTimeout = options.idleTimeout ?? configuration.idleTimeout
    child.lifetime = options.lifetime
    child.inheritedIdleTimeout = configuration.idleTimeout
    child.python = python.inherited
    return child
  }

}
