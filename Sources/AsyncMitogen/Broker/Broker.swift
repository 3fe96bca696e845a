internal import CAsyncMitogen
internal import Synchronization

/// The loop that drives routers: one poller for descriptors, timers and child processes, and the executor of the actors
/// and calls on it.
///
/// One of its threads polls, and runs actors and calls where their messages arrive, without a hop to another thread.
/// When user code keeps that thread for more than a millisecond another one takes over, so code that blocks delays only
/// itself. Several brokers may live in one process, and several routers on one broker. Mitogen's `Broker`.
public final class Broker: Sendable {
  /// How long ``shutdown()`` waits for what is still registered; 5 s by default, as in Mitogen's master.
  public let shutdownTimeout: Duration

  let core: LoopCore
  let laneExecutor: LaneExecutor
  let workExecutor: WorkExecutor
  private let life = Mutex(Life())

  private struct Life {
    var isShuttingDown = false
    var hasEnded = false
    var joiners: [CheckedContinuation<Void, Never>] = []
    var observers: [UInt64: AsyncStream<BrokerEvent>.Continuation] = [:]
    var hooks: [UInt64: @Sendable () -> Void] = [:]
    var nextObserver: UInt64 = 0
    var completedGrace = false
  }

  /// Makes a broker and starts its first thread.
  ///
  /// - Parameters:
  ///   - name: What its threads are called, at most 15 bytes.
  ///   - maximumThreads: How many calls may block at once, 256 by default; further ones wait.
  ///   - shutdownTimeout: How long ``shutdown()`` waits for what is still registered.
  ///   - profiling: Whether it measures where it spends its time, for the report of ``RouterConfiguration/profiling``.
  /// - Throws: An error that names the system call if the process has no descriptors left.
  public init(
    name: String = "mitogen", maximumThreads: Int = 256, shutdownTimeout: Duration = .seconds(5),
    profiling: Bool = false
  ) throws {
    self.shutdownTimeout = shutdownTimeout
    core = try LoopCore(name: name, maximumThreads: max(3, maximumThreads), profiling: profiling)
    laneExecutor = LaneExecutor(core: core)
    workExecutor = WorkExecutor(core: core)
    // Descriptors may be registered before any work comes: somebody has to poll them.
    core.enqueue(lane: .closure {})
  }

  deinit { core.stop {} }

  /// The executor for tasks that wait for calls: they then run on the thread that reads the replies.
  public var taskExecutor: any TaskExecutor { workExecutor }

  /// How many threads the broker has now.
  public var threadCount: Int { core.threadCount }

  // MARK: deferred work

  /// Runs `work` on the broker, after what was deferred before; at once if called there. Mitogen's `defer`.
  ///
  /// The work must not block: the broker's actors wait for it.
  ///
  /// - Throws: ``BrokerError`` once the broker has ended.
  public func `defer`(_ work: @escaping @Sendable () -> Void) throws(BrokerError) {
    guard !life.withLock({ $0.hasEnded }) else { throw BrokerError.ended }
    if core.holdsLane { work() } else { core.enqueue(lane: .closure(work)) }
  }

  /// Runs `work` on the broker and returns or throws what it does. Mitogen's `defer_sync`.
  ///
  /// - Throws: ``BrokerError`` once the broker has ended, or what `work` throws.
  public func deferSync<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      do {
        try self.defer { continuation.resume(with: Result { try work() }) }
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }

  // MARK: the end

  /// Whether something is registered that a shutdown waits for. Mitogen's `keep_alive`.
  public var keepAlive: Bool { core.poller.table.withLock { $0.keepAliveCount > 0 } }

  /// What happens to this broker, for any number of observers. Mitogen's signals of the broker.
  public var events: AsyncStream<BrokerEvent> {
    AsyncStream(bufferingPolicy: .bufferingOldest(8)) { continuation in
      let number = life.withLock { life -> UInt64? in
        guard !life.hasEnded else { return nil }
        life.nextObserver += 1
        life.observers[life.nextObserver] = continuation
        return life.nextObserver
      }
      guard let number else {
        continuation.yield(.exit)
        return continuation.finish()
      }
      continuation.onTermination = { [weak self] _ in
        self?.life.withLock { _ = $0.observers.removeValue(forKey: number) }
      }
    }
  }

  /// Calls `hook` on the broker when its shutdown begins; the returned closure forgets it.
  func onShutdown(_ hook: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    let number = life.withLock { life in
      life.nextObserver += 1
      life.hooks[life.nextObserver] = hook
      return life.nextObserver
    }
    return { [weak self] in self?.life.withLock { _ = $0.hooks.removeValue(forKey: number) } }
  }

  /// Begins to end: streams tell their children to end, and the loop goes on until nothing that keeps it alive is
  /// registered, at most ``shutdownTimeout``. Returns at once; see ``join()``. Calling it again has no effect.
  public func shutdown() {
    let first = life.withLock { life in
      defer { life.isShuttingDown = true }
      return !life.isShuttingDown
    }
    guard first else { return }
    core.enqueue(
      lane: .closure {
        self.tell(.beforeShutdown)
        self.tell(.shutdown)
        for hook in self.life.withLock({ $0.hooks.sorted { $0.key < $1.key }.map(\.value) }) { hook() }
        let deadline = amt_monotonic_nanoseconds() &+ UInt64(max(0, self.shutdownTimeout.nanoseconds))
        self.endWhenIdle(deadline: deadline, pause: .microseconds(200))
      })
  }

  /// Waits until the broker has ended: its loop runs no more. Mitogen's `join`.
  public func join() async {
    await withCheckedContinuation { continuation in
      let hasEnded = life.withLock { life in
        if !life.hasEnded { life.joiners.append(continuation) }
        return life.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
  }

  private func endWhenIdle(deadline: UInt64, pause: Duration) {
    guard keepAlive, amt_monotonic_nanoseconds() < deadline else { return end() }
    // What keeps the loop alive says nothing when it goes; the first looks come soon, later ones seldom.
    _ = core.schedule(after: pause) { [weak self] in
      self?.endWhenIdle(deadline: deadline, pause: min(pause * 2, .milliseconds(20)))
    }
  }

  private func end() {
    core.stop { [self] in
      tell(.exit)
      let (joiners, observers) = life.withLock { life in
        life.hasEnded = true
        defer {
          life.joiners.removeAll()
          life.observers.removeAll()
          life.hooks.removeAll()
        }
        return (life.joiners, life.observers)
      }
      for observer in observers.values { observer.finish() }
      for joiner in joiners { joiner.resume() }
    }
  }

  private func tell(_ event: BrokerEvent) {
    for observer in life.withLock({ Array($0.observers.values) }) { observer.yield(event) }
  }
}

extension Broker: EventLoop {
  var lane: UnownedSerialExecutor { unsafe laneExecutor.asUnownedSerialExecutor() }
  var tasks: any TaskExecutor { workExecutor }
  var now: UInt64 { amt_monotonic_nanoseconds() }
  var coarseNow: UInt64 { amt_coarse_nanoseconds() }
  func enqueue(_ work: @escaping @Sendable () -> Void) { core.enqueue(lane: .closure(work)) }
  func enqueue(_ runnable: any LaneRunnable) { core.enqueue(lane: .runnable(runnable)) }
  func enqueueAtEndOfTurn(_ work: @escaping @Sendable () -> Void) { core.enqueueAtEndOfTurn(.closure(work)) }
  func enqueueAtEndOfTurn(_ runnable: any LaneRunnable) { core.enqueueAtEndOfTurn(.runnable(runnable)) }
  var holdsLane: Bool { core.holdsLane }
  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> TimerIdentifier {
    core.schedule(after: delay, action)
  }
  func cancel(_ timer: TimerIdentifier) { core.cancel(timer) }
}

/// What happens to a broker. Mitogen's signals of the same names.
public enum BrokerEvent: Sendable, Hashable {
  /// The shutdown begins; nothing has been told to end yet.
  case beforeShutdown
  /// Streams are told to end.
  case shutdown
  /// The loop has ended.
  case exit
}

/// A broker was asked for something after it had ended.
public struct BrokerError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was asked, and what may have been the mistake.
  public let description: String

  static let ended = BrokerError(
    description: "this broker has ended already: its shutdown() was probably called too early")
}
