internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

extension Router {
  /// Starts a context. Mitogen's `connect`; ``local(remoteName:debug:connectTimeout:profiling:unidirectional:via:)`` and
  /// its like are thin over it.
  ///
  /// - Parameter via: The context that starts it; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func connect(_ method: some ConnectionMethod, via: Context? = nil) async throws -> Context {
    if let via, via.id != contextID { return try await connect(method, through: via) }
    let id = try await allocateID()
    var options = method.options
    options.unidirectional = options.unidirectional ?? configuration.unidirectional
    let plan = try method.launchPlan()
    do {
      let (launched, name) = try launch(plan, method, options, id)
      return try await adopt(launched, id: id, name: name, timeout: options.connectTimeout)
    } catch var error as ConnectionError {
      if error.route.isEmpty { error.route = [contextID] }
      error.command = error.command.isEmpty ? [plan.path] + plan.arguments.dropFirst() : error.command
      throw error
    }
  }

  /// Starts the process; in the task of whoever asked, so that the router does not wait for the system.
  private nonisolated func launch(
    _ plan: LaunchPlan, _ method: some ConnectionMethod, _ options: ConnectionOptions, _ id: ContextID
  ) throws -> (LaunchedChild, name: String) {
    guard let broker else { throw ConnectionError.failed(plan.path, "a simulated router starts no processes") }
    do {
      return try launchOnce(plan, method, options, id, broker)
    } catch let error as SystemError where error.code == EMFILE {
      // The soft limit is a default for programs that use select; this one does not.
      _ = amt_raise_descriptor_limit()
    } catch let error as SystemError {
      throw failure(plan, error)
    }
    do {
      return try launchOnce(plan, method, options, id, broker)
    } catch let error as SystemError {
      throw failure(plan, error)
    }
  }

  private nonisolated func failure(_ plan: LaunchPlan, _ error: SystemError) -> ConnectionError {
    let text = unsafe String(cString: strerror(error.code))
    var failure = ConnectionError.failed(plan.path, "Child start failed: [Errno \(error.code)] \(text)")
    if error.code == EMFILE { failure.hint = "raise the limit of open files (ulimit -Hn)" }
    return failure
  }

  private nonisolated func launchOnce(
    _ plan: LaunchPlan, _ method: some ConnectionMethod, _ options: ConnectionOptions, _ id: ContextID, _ broker: Broker
  ) throws -> (LaunchedChild, name: String) {
    let (ours, theirs) = try FileDescriptor.socketPair(nonblocking: false)
    let (errorRead, errorWrite) = try FileDescriptor.pipe(nonblocking: false)
    _ = amt_set_send_buffer(ours.number, 262_144)
    _ = amt_set_send_buffer(theirs.number, 262_144)
    let greeting = try childConfiguration(options, id).greeting()
    let added = plan.environment.map { "\($0.key)=\($0.value)" }
    let environment = HostFacts.environment.filter { variable in
      !plan.environment.keys.contains { variable.hasPrefix($0 + "=") }
    }
    let process = try ChildProcess(
      path: plan.path, arguments: plan.arguments, environment: environment + added, input: theirs, output: theirs,
      error: errorWrite, poller: broker.core.poller)
    let transport = DescriptorTransport(
      input: ours, output: ours, poller: broker.core.poller, keepsAlive: true)
    let launched = LaunchedChild(
      process: process, transport: transport, errorOutput: errorRead, greeting: greeting)
    return (launched, method.contextName(processID: process.processID))
  }

  nonisolated func childConfiguration(_ options: ConnectionOptions, _ id: ContextID) -> ChildConfiguration {
    let debug = options.debug || configuration.debug
    return ChildConfiguration(
      contextID: id, parentIDs: [contextID] + parentIDs, debug: debug,
      logLevels: debug ? LogLevels(.debug).rawValues : Logging.levels.rawValues,
      profiling: options.profiling || configuration.profiling,
      unidirectional: options.unidirectional ?? configuration.unidirectional,
      maximumMessageSize: configuration.maxMessageSize, poolSize: configuration.poolSize,
      maximumConcurrentCalls: configuration.maxConcurrentCalls, maximumQueuedCalls: configuration.maxQueuedCalls)
  }

  /// Asks another context to start one. Mitogen's `proxy_connect`.
  private nonisolated func connect<Method: ConnectionMethod>(
    _ method: Method, through via: Context
  ) async throws -> Context {
    let request = try CallRequest.proxyConnect(method)
    let reply = try await call(request, in: via, timeout: nil, as: ProxyConnectReply.self)
    if let error = reply.error { throw error.passing(contextID) }
    guard let number = reply.id else {
      throw StreamError(reply.message ?? "context \(via.id) started nothing, and did not say why")
    }
    let id = ContextID(rawValue: number)
    let name = [via.name, reply.name].compactMap { $0 }.joined(separator: ".")
    names.withLock { $0.set(id, name) }
    return context(id)
  }
}

extension ConnectionError {
  /// The same error, seen from one context further up.
  fileprivate func passing(_ context: ContextID) -> ConnectionError {
    var error = self
    error.route.insert(context, at: 0)
    return error
  }
}

/// What a context answers when it has been asked to start another one: Mitogen's dictionary, and ours in it.
struct ProxyConnectReply: Codable, Sendable {
  var id: UInt32?
  var name: String?
  var message: String?
  var error: ConnectionError?

  enum CodingKeys: String, CodingKey {
    case id
    case name
    case message = "msg"
    case error
  }
}
