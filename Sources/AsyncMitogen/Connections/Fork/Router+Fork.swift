internal import CAsyncMitogen
internal import Glibc

extension Router {
  /// Starts a context as a copy of the fork server: as ``local(remoteName:debug:connectTimeout:profiling:unidirectional:via:)``
  /// does, but in a fraction of the time, and with everything that ``prepareForks(_:)`` has put there. Mitogen's `fork`.
  ///
  /// The functions capture nothing. If one throws, the context is ended, and the error says so and why. At most
  /// ``RouterConfiguration/maxConcurrentForks`` are on their way at once, from each context.
  ///
  /// - Parameters:
  ///   - name: What the context is called by the one that starts it; `fork.` and the process identifier if nil.
  ///   - onFork: What the new process does before it becomes a context. It may not wait for anything asynchronous, and what
  ///     it prints is logged.
  ///   - onStart: What is called in the new context before it is anybody else's; ``ExternalContext/current`` is there.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long the server, the context and `onStart` may take each; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - via: The context whose fork server it is, on its own machine; this one if nil.
  /// - Throws: ``ConnectionError``, ``UnsupportedFunctionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func fork(
    name: String? = nil, onFork: (@Sendable () throws -> Void)? = nil,
    onStart: (@Sendable @concurrent () async throws -> Void)? = nil, remoteName: String? = nil, debug: Bool = false,
    connectTimeout: Duration = .seconds(30), profiling: Bool = false, unidirectional: Bool? = nil, via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      name: name, remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout)
    let method = try ForkConnection(options: options, onFork: onFork, onStart: onStart)
    return try await connect(method, via: via)
  }

  /// As the other `fork`, with an `onStart` that is known by name, and can have arguments.
  public nonisolated func fork(
    name: String? = nil, onFork: (@Sendable () throws -> Void)? = nil, onStart: some RemoteFunction,
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      name: name, remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout)
    let method = try ForkConnection(options: options, onFork: onFork, onStart: onStart)
    return try await connect(method, via: via)
  }

  /// Does something in the fork server of this context, such as filling a table: every later fork begins with it, and all
  /// of them share its memory until one writes there.
  ///
  /// It is done once, in order, and once more if the server has to be started again. The server has one thread, and may
  /// have no other when it is forked: a task, a dispatch queue or a thread that is left behind makes every fork fail. What
  /// it prints is logged.
  ///
  /// - Parameter body: What to do; it captures nothing.
  /// - Throws: ``ConnectionError`` if it throws, with the text of its error, or if the server ends; `CancellationError`;
  ///   ``UnsupportedFunctionError`` if it captures something. The server is ended then, and the next one is started without
  ///   it.
  public nonisolated func prepareForks(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await prepareForks(with: try ForkHook(body))
  }

  /// As the other `prepareForks`, with an argument.
  public nonisolated func prepareForks<Argument: Transferable>(
    _ argument: Argument, _ body: @escaping @Sendable (Argument) throws -> Void
  ) async throws {
    try await prepareForks(with: try ForkHook(argument, body))
  }

  private nonisolated func prepareForks(with hook: ForkHook) async throws {
    guard let broker else { throw ConnectionError.failed("fork server", "a simulated router starts no processes") }
    do {
      try await forks.prepare(hook, broker: broker)
    } catch {
      throw connectionError(error, "fork server")
    }
  }

  /// Starts a fork of this context's own server.
  nonisolated func start(_ fork: ForkConnection) async throws -> Context {
    try await forks.gate.pass {
      let id = try await allocateID()
      let (launched, name) = try await launch(fork, id)
      let context = try await adopt(launched, id: id, name: name, timeout: fork.options.connectTimeout)
      guard let request = fork.onStart else { return context }
      do {
        try await callForNothing(request, in: context, timeout: fork.options.connectTimeout)
        return context
      } catch {
        launched.process?.signal(SIGKILL)
        if error is CancellationError { throw error }
        try? await shutdown(context, wait: true)
        var failure = ConnectionError(.bootstrap, name: name, message: "onStart: \(error)")
        failure.route = [contextID]
        throw failure
      }
    }
  }

  private nonisolated func launch(_ fork: ForkConnection, _ id: ContextID) async throws -> (LaunchedChild, String) {
    let title = try fork.options.checkedRemoteName ?? LocalConnection.defaultName
    guard let broker else { throw ConnectionError.failed("fork", "a simulated router starts no processes") }
    do {
      let greeting = try childConfiguration(fork.options, id, keepAlive: nil).greeting()
      var descriptors = try ForkHost.descriptors()
      let directory = FileDescriptor(try SystemError.check("open", amt_working_directory()))
      guard let stream = descriptors.input, let errors = descriptors.error else {
        throw ForkRefusal(text: "a fork has a stream and somewhere to tell its errors")
      }
      // It is there before the process is, which need not wait for it.
      guard unsafe amt_send(descriptors.stream.number, greeting, greeting.count) == greeting.count else {
        throw ForkRefusal(text: "a configuration of \(greeting.count) bytes does not fit into a socket")
      }
      let process = try await forks.fork(
        name: title, hook: fork.onFork, descriptors: [stream, errors, directory],
        timeout: fork.options.connectTimeout, broker: broker)
      descriptors.releaseChildSide()
      let transport = DescriptorTransport(
        input: descriptors.stream, output: descriptors.stream, poller: broker.core.poller, keepsAlive: true)
      let launched = LaunchedChild(
        process: process, transport: transport, errorOutput: descriptors.errorOutput,
        start: ChildStart(greeting: []))
      return (launched, fork.contextName(processID: process.processID))
    } catch {
      throw connectionError(error, fork.options.name ?? "fork")
    }
  }

  private nonisolated func connectionError(_ error: any Error, _ name: String) -> any Error {
    if error is CancellationError { return error }
    var failure: ConnectionError
    switch error {
    case let error as ConnectionError: failure = error
    case let error as SystemError:
      failure = .failed(
        name, "\(error.operation): [Errno \(error.code)] \(unsafe String(cString: strerror(error.code)))")
      if error.code == EMFILE { failure.hint = "raise the limit of open files (ulimit -Hn)" }
    default: failure = .failed(name, "\(error)")
    }
    if failure.route.isEmpty { failure.route = [contextID] }
    return failure
  }
}
