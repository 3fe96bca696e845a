internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

extension Broker {
  /// What `descriptor` is ready for, each time that it is, while somebody iterates.
  ///
  /// Watching starts with the call and ends with the iteration; the descriptor must stay open as long. It is made
  /// non-blocking by nobody: do that yourself before reading in several pieces. Between two elements the descriptor is
  /// not watched, so the consumer may take its time, and the stream holds at most one element. Mitogen's
  /// `start_receive` and `start_transmit`.
  ///
  /// - Parameter keepsAlive: Whether a shutdown of the broker waits for the end of the iteration.
  public func readiness(
    of descriptor: Int32, for interest: Readiness = .readable, keepsAlive: Bool = false
  ) throws -> AsyncStream<Readiness> {
    let source = DescriptorSource(descriptor: descriptor, interest: interest, poller: core.poller)
    try source.register(keepsAlive: keepsAlive)
    return AsyncStream(unfolding: { await source.next() }, onCancel: { source.cancel() })
  }

  /// What can be read from `descriptor`, in chunks as they come, until its end.
  ///
  /// Reading waits for the consumer: nothing is buffered but the chunk that it is given. The descriptor is closed by its
  /// owner, after the iteration.
  ///
  /// - Parameter chunkSize: The largest chunk in bytes, 64 KiB by default.
  public func bytes(
    from descriptor: Int32, chunkSize: Int = 65_536, keepsAlive: Bool = false
  ) throws -> AsyncStream<[UInt8]> {
    let source = DescriptorSource(descriptor: descriptor, interest: .readable, poller: core.poller)
    try source.register(keepsAlive: keepsAlive)
    return AsyncStream(
      unfolding: {
        while await source.next() != nil {
          var failure: Int32 = 0
          let chunk = unsafe [UInt8](unsafeUninitializedCapacity: chunkSize) { buffer, count in
            let result = unsafe read(descriptor, buffer.baseAddress, chunkSize)
            if result < 0 { failure = errno }
            count = max(0, result)
          }
          if failure == EINTR || failure == EAGAIN { continue }
          // A terminal whose other end is gone says EIO: that is an end like any other.
          if chunk.isEmpty { break }
          return chunk
        }
        source.cancel()
        return nil
      }, onCancel: { source.cancel() })
  }

  /// A tick each `interval`, counted from 1. Ticks that the consumer is too slow for are left out.
  public func ticks(every interval: Duration) -> AsyncStream<Int> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let ticker = Ticker(broker: self, interval: interval, continuation: continuation)
      continuation.onTermination = { _ in ticker.stop() }
      ticker.start()
    }
  }
}

/// What is registered for an iteration, which it does not keep: an iteration that is left, and not cancelled, just goes.
private final class DescriptorWatch: ReadinessHandler {
  private let source = Mutex<WeakSource?>(nil)

  private struct WeakSource: Sendable {
    weak let source: DescriptorSource?
  }

  func watch(_ source: DescriptorSource) {
    let reference = WeakSource(source: source)
    self.source.withLock { $0 = reference }
  }

  func ready(_ readiness: Readiness) { source.withLock { $0?.source }?.ready(readiness) }
}

/// Feeds one iteration over the readiness of a descriptor.
private final class DescriptorSource: Sendable {
  private struct State {
    var ready: Readiness = []
    var waiter: CheckedContinuation<Readiness?, Never>?
    var isCancelled = false
  }

  private let descriptor: Int32
  private let interest: Readiness
  private let poller: Poller
  private let state = Mutex(State())
  private let watch = DescriptorWatch()

  init(descriptor: Int32, interest: Readiness, poller: Poller) {
    self.descriptor = descriptor
    self.interest = interest
    self.poller = poller
  }

  deinit { poller.unregister(descriptor, handler: watch) }

  func register(keepsAlive: Bool) throws(SystemError) {
    watch.watch(self)
    try poller.register(descriptor, interest: [], keepsAlive: keepsAlive, handler: watch)
  }

  func ready(_ readiness: Readiness) {
    poller.setInterest(descriptor, [])
    let waiter = state.withLock { state -> CheckedContinuation<Readiness?, Never>? in
      guard let waiter = state.waiter.take() else {
        state.ready.formUnion(readiness)
        return nil
      }
      return waiter
    }
    waiter?.resume(returning: readiness)
  }

  func next() async -> Readiness? {
    await withCheckedContinuation { continuation in
      let now = state.withLock { state -> Readiness?? in
        if state.isCancelled { return .some(nil) }
        if !state.ready.isEmpty {
          defer { state.ready = [] }
          return .some(state.ready)
        }
        state.waiter = continuation
        return .none
      }
      if let now { continuation.resume(returning: now) } else { poller.setInterest(descriptor, interest) }
    }
  }

  func cancel() {
    let (first, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Readiness?, Never>?) in
      defer { state.isCancelled = true }
      return (!state.isCancelled, state.waiter.take())
    }
    if first { poller.unregister(descriptor, handler: watch) }
    waiter?.resume(returning: nil)
  }
}

/// Feeds one iteration over ticks.
private final class Ticker: Sendable {
  private let broker: Broker
  private let interval: Duration
  private let continuation: AsyncStream<Int>.Continuation
  private let state = Mutex((count: 0, isStopped: false, timer: TimerIdentifier?.none))

  init(broker: Broker, interval: Duration, continuation: AsyncStream<Int>.Continuation) {
    self.broker = broker
    self.interval = interval
    self.continuation = continuation
  }

  func start() {
    let timer = broker.schedule(after: interval) { [weak self] in self?.tick() }
    state.withLock { $0.timer = timer }
  }

  func stop() {
    let timer = state.withLock { state in
      state.isStopped = true
      return state.timer.take()
    }
    if let timer { broker.cancel(timer) }
  }

  private func tick() {
    let count = state.withLock { state -> Int? in
      guard !state.isStopped else { return nil }
      state.count += 1
      return state.count
    }
    guard let count else { return }
    continuation.yield(count)
    start()
  }
}
