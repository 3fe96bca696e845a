internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// The life of a context in short: it comes up, and is called once.
///
/// What Swift's run time has to look up and to build for it, types and conformances above all, it keeps. Played in a fork
/// server it is there in every fork, which otherwise would spend most of its start on it. No thread is started, nothing
/// that a fork could mistake for its own is left, and nobody notices but the clock.
enum ForkRehearsal {
  static func play() throws {
    let parentID = ContextID.master
    let contextID = ContextID(rawValue: 1)
    try readConfiguration(contextID, [parentID])
    try makeLoop()
    let (ours, theirs) = try FileDescriptor.socketPair(nonblocking: true)
    let loop = RehearsalLoop()
    let router = Router(
      loop: loop, broker: nil, contextID: contextID, parentIDs: [parentID], configuration: RouterConfiguration())
    router.addStandardHandlers()
    Dispatcher(router: router, environment: ExternalContext(router: router)).register()
    router.services.makePools(router)
    let transport = DescriptorTransport(input: theirs, output: theirs, poller: try Poller(), keepsAlive: false)
    try router.enter { try $0.attachParent(transport, greeting: Array(ImageIdentity.own.text.utf8)) }
    loop.run()
    for request in try requests() {
      try send(
        Message(
          destination: contextID, source: parentID, authority: parentID, handle: .callFunction, replyTo: 1_000,
          encoding: .pickle, payload: request), to: ours)
      router.enter { for stream in $0.streams.values { stream.ready(.readable) } }
      loop.run()
    }
    // It would keep itself.
    router.enter { router in
      for stream in router.streams.values { stream.enter { $0.close(.ended(isAtBoundary: true)) } }
      _ = router.handlers.withLock { $0.removeAll() }
    }
    loop.run()
  }

  /// What a broker consists of, as far as that starts no thread.
  private static func makeLoop() throws {
    _ = try LoopCore(name: "rehearsal", maximumThreads: 3)
    var lane = RingBuffer<LaneWork>()
    lane.append(.closure {})
    var timers = TimerHeap()
    _ = timers.cancel(timers.schedule(at: 1) {})
  }

  private static func readConfiguration(_ contextID: ContextID, _ parentIDs: [ContextID]) throws {
    let configuration = ChildConfiguration(
      contextID: contextID, parentIDs: parentIDs, debug: false, logLevels: LogLevels(.warning).rawValues,
      profiling: false, unidirectional: false, maximumMessageSize: 0, poolSize: 1, maximumConcurrentCalls: 1,
      maximumQueuedCalls: 0, maximumConcurrentConnections: 1, maximumConcurrentForks: 1, cache: .none,
      keepAlive: .seconds(1), keepAliveInterval: .seconds(1))
    var greeting = try configuration.greeting()[...]
    _ = ChildConfiguration { count in
      defer { greeting = greeting.dropFirst(count) }
      return Array(greeting.prefix(count))
    }
  }

  /// Calls of two kinds, the first of them twice: the second time it is known.
  private static func requests() throws -> [[UInt8]] {
    let closure = try CallRequest.closure(StartInvocation(function: {}), chain: nil)
    _ = try InvocationCache.shared.type(named: InvocationCache.shared.name(of: Invocation<Int>.self))
    return [closure, closure, try CallRequest.forget(chain: "rehearsal")]
  }

  private static func send(_ message: Message, to descriptor: FileDescriptor) throws {
    var queue = OutgoingQueue()
    queue.append(message)
    queue.withFirstPiece { piece, offset in unsafe write(descriptor.number, piece, piece.count) }
  }
}

/// A loop of one thread, which runs what it is given when it is told to, and forgets its timers.
private final class RehearsalLoop: EventLoop {
  private let queue = RehearsalQueue()
  private let executor: RehearsalExecutor

  init() { executor = RehearsalExecutor(queue) }

  var lane: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  var tasks: any TaskExecutor { executor }
  var now: UInt64 { amt_monotonic_nanoseconds() }
  var holdsLane: Bool { true }
  func enqueue(_ work: @escaping @Sendable () -> Void) { queue.append(work) }
  func enqueueAtEndOfTurn(_ work: @escaping @Sendable () -> Void) { queue.append(work) }
  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> TimerIdentifier {
    TimerIdentifier(number: 0)
  }
  func cancel(_ timer: TimerIdentifier) {}

  /// Runs everything.
  func run() { while let work = queue.popFirst() { work() } }
}

private final class RehearsalQueue: Sendable {
  private let work = Mutex<[@Sendable () -> Void]>([])

  func append(_ body: @escaping @Sendable () -> Void) { work.withLock { $0.append(body) } }
  func popFirst() -> (@Sendable () -> Void)? { work.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
}

private final class RehearsalExecutor: SerialExecutor, TaskExecutor {
  private let queue: RehearsalQueue

  init(_ queue: RehearsalQueue) { self.queue = queue }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.append { [self] in unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  // There is one thread.
  func isIsolatingCurrentContext() -> Bool? { true }
  func checkIsolated() {}
  func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
  func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }
}
