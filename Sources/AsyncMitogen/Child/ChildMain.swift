internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// What the constructor calls in a process that was started as a child, before its `main`; it never returns to it.
@c(amt_child_main)
func childMain(_ argumentCount: Int32, _ arguments: UnsafeMutableRawPointer?) -> Int32 {
  unsafe unsetenv(AMT_CHILD_VARIABLE)
  do {
    let child: ChildProcessMain
    if amt_is_child() == AMT_AS_PYTHON {
      guard let origin = try PythonStart.read(length: amt_preamble_length()) else { return 71 }
      child = try ChildProcessMain(origin.configuration, origin)
    } else {
      // Otherwise the parent is gone, or was none of ours.
      guard let configuration = ChildConfiguration(reading: readExactly) else { return 71 }
      child = try ChildProcessMain(configuration)
    }
    child.start()
    child.serveMainQueue()
  } catch {
    complain("cannot become a context: \(error)")
    return 71
  }
}

private func readExactly(_ count: Int) -> [UInt8]? {
  var bytes: [UInt8] = []
  while bytes.count < count {
    let missing = count - bytes.count
    let chunk = unsafe [UInt8](unsafeUninitializedCapacity: missing) { buffer, filled in
      filled = unsafe max(0, read(0, buffer.baseAddress, missing))
    }
    if chunk.isEmpty {
      guard errno == EINTR else { return nil }
      continue
    }
    bytes += chunk
  }
  return bytes
}

private func complain(_ text: String) {
  let bytes = Array("AsyncMitogen: \(text)\n".utf8)
  _ = unsafe write(2, bytes, bytes.count)
}

/// A process that is a child context: its router, its calls, what it prints, and its end.
private final class ChildProcessMain: Sendable {
  private let configuration: ChildConfiguration
  /// Whether its parent takes it for a Python context.
  private let isBelowPython: Bool
  private let standardStreams: StandardStreams
  private let broker: Broker
  private let router: Router
  private let dispatcher: Dispatcher
  private let logs = ForwardingLogHandler()
  private let readers: [LineReader]
  private let isEnding = Atomic(false)

  /// How long calls may take to react to being cancelled: when a parent says so, and when it is gone.
  private static let callPatience = Duration.milliseconds(500)
  private static let orphanPatience = Duration.milliseconds(20)
  /// How long an orphan waits for its own children, which see their links close, before it kills them.
  private static let orphanChildPatience = Duration.milliseconds(50)
  private static let orphanLimit = Duration.milliseconds(200)

  /// - Parameter origin: What the parent sent, if it takes this program for a Python interpreter.
  init(_ configuration: ChildConfiguration, _ origin: PythonOrigin? = nil) throws {
    self.configuration = configuration
    isBelowPython = origin != nil
    standardStreams = try StandardStreams.takeOver()
    Mitogen.setPlace(contextID: configuration.contextID, parentIDs: configuration.parentIDs)
    Logging.configure(
      handler: logs, levels: LogLevels(rawValues: configuration.logLevels) ?? LogLevels(.warning))
    broker = try Broker(shutdownTimeout: .seconds(3), profiling: configuration.profiling)
    router = Router(
      loop: broker, broker: broker, contextID: configuration.contextID, parentIDs: configuration.parentIDs,
      configuration: RouterConfiguration(
        maxMessageSize: configuration.maximumMessageSize, unidirectional: configuration.unidirectional,
        debug: configuration.debug, profiling: configuration.profiling, poolSize: configuration.poolSize,
        maxConcurrentCalls: configuration.maximumConcurrentCalls, maxQueuedCalls: configuration.maximumQueuedCalls,
        cache: configuration.cache, maxConcurrentConnections: configuration.maximumConcurrentConnections,
        maxConcurrentForks: configuration.maximumConcurrentForks, keepAliveInterval: configuration.keepAliveInterval,
        broker: nil, dumpsOnSignal: configuration.dumpsOnSignal ?? false,
        idleTimeout: configuration.inheritedIdleTimeout))
    if let python = configuration.python { router.python.inherit(python, core: origin?.core) }
    dispatcher = Dispatcher(router: router, environment: ExternalContext(router: router))
    let (poller, router) = (broker.core.poller, router)
    // Mitogen does not remember the last lines of what ends.
    let parent = origin == nil ? configuration.parentIDs.first ?? .master : nil
    readers = [("stdout", standardStreams.printed), ("stderr", standardStreams.printedErrors)].map { name, descriptor in
      let logger = Logger(name)
      return LineReader(descriptor: descriptor, poller: poller) { line in
        if logger.isEnabled(.info) { return logger.info(line) }
        guard let parent else { return }
        router.post(Message(destination: parent, handle: .printed, payload: Array(line.utf8.prefix(2_048))))
      }
    }
  }

  /// Says that this context is up, and begins to hear messages.
  func start() {
    amt_install_crash_drain(
      standardStreams.printed.number, standardStreams.printedErrors.number, standardStreams.originalError.number)
    let router = router
    router.addStandardHandlers()
    router.beginDiagnostics()
    dispatcher.register()
    router.services.makePools(router)
    router.add(.shutdown, policy: .parent) { [self] _, message, _ in
      if !message.isDead { beginEnd(isOrphan: false) }
    }
    let (streams, broker) = (standardStreams, broker)
    broker.enqueue { [self] in
      let transport = DescriptorTransport(
        input: streams.input, output: streams.output, poller: broker.core.poller, keepsAlive: false)
      let identity = isBelowPython ? "" : "\(BootstrapDialogue.image)\(ImageIdentity.own.text)\n"
      let greeting = "\(identity)\(BootstrapDialogue.ready)\n"
      do {
        for reader in readers { try reader.start() }
        try router.enter { router in
          router.parentEnded = { [self] _ in beginEnd(isOrphan: true) }
          router.detachHooks = DetachHooks(
            leaving: { [self] in amt_leave_terminal(standardStreams.isGuarded ? 1 : 0) },
            detached: { [self] in becomeRoot() })
          try router.attachParent(
            transport, greeting: Array(greeting.utf8), isOfOurKind: !isBelowPython,
            keepAlive: configuration.keepAlive)
        }
      } catch {
        complain("cannot hear its parent: \(error)")
        _exit(71)
      }
      watchLimits()
      logs.uncork { payload in router.post(Message(handle: .forwardLog, payload: payload)) }
    }
  }

  /// Serves libdispatch's main queue, so that the main actor and main-queue blocks work in a child as they do elsewhere.
  func serveMainQueue() -> Never {
    let descriptor = amt_main_queue_descriptor()
    while true {
      var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&watched, 1, -1) > 0 else { continue }
      var count: UInt64 = 0
      _ = unsafe read(descriptor, &count, 8)
      amt_main_queue_drain()
    }
  }

  /// Ends this context when it has lived long enough, or has nothing to do.
  private func watchLimits() {
    if let lifetime = configuration.lifetime {
      _ = broker.schedule(after: lifetime) { [self] in
        Router.log.info("this context ends: it was to live for \(lifetime)")
        beginEnd(isOrphan: false)
      }
    }
    guard let timeout = configuration.idleTimeout else { return }
    Task(executorPreference: broker.taskExecutor) { [self] in
      guard await router.becomesIdle(for: timeout) else { return }
      Router.log.info("this context ends: it has had nothing to do for \(timeout)")
      beginEnd(isOrphan: false)
    }
  }

  /// The parent is let go of, and so is all that it gave.
  private func becomeRoot() {
    Mitogen.setPlace(contextID: configuration.contextID, parentIDs: [])
    standardStreams.release()
  }

  // MARK: the end

  private func beginEnd(isOrphan: Bool) {
    guard isEnding.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
      // Asked to end, and now the parent is gone too: nobody waits for a farewell.
      if isOrphan { return endOrphan() }
      return
    }
    // Whatever blocks or hangs here, this process ends: the lane always runs.
    let limit =
      isOrphan
      ? ChildProcessMain.orphanLimit : ChildProcessMain.callPatience + router.shutdownTimeout + .seconds(1)
    _ = broker.schedule(after: limit) { _exit(75) }
    Task(executorPreference: broker.taskExecutor) { [self] in
      if isOrphan {
        await router.disconnectAll()
        await endCalls(patience: ChildProcessMain.orphanPatience)
        await router.shutdown(timeout: ChildProcessMain.orphanChildPatience)
        _exit(0)
      }
      await endCalls(patience: ChildProcessMain.callPatience)
      await router.shutdown(timeout: router.shutdownTimeout)
      broker.enqueue { self.sayFarewell() }
    }
  }

  /// Cancels functions and service methods, and waits for their end, but no longer than that.
  private func endCalls(patience: Duration) async {
    async let services: Void = router.services.end(patience: patience)
    await dispatcher.close(patience: patience)
    await services
  }

  /// Whatever happens, an orphan is gone soon.
  private func endOrphan() {
    _ = broker.schedule(after: ChildProcessMain.orphanLimit) { _exit(75) }
  }

  /// Sends what has been printed and what waits, and ends.
  private func sayFarewell() {
    amt_flush_output()
    for (reader, name) in zip(readers, ["stdout", "stderr"]) {
      for line in reader.finish() { Logger(name).info(line) }
    }
    // Behind what was just posted.
    broker.enqueue { [self] in
      router.enter { $0.flushParent { _exit(0) } }
      _ = broker.schedule(after: .seconds(2)) { _exit(0) }
    }
  }
}
