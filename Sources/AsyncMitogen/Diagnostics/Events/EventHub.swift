internal import Synchronization

/// Tells many observers what happens, each through a buffer of its own with a limit.
///
/// An observer hears what happens after it has begun to observe. One that is further behind than its buffer holds misses the
/// newest, and is told how many before it hears of the next. Who comes after the end hears the last event, and then the end.
final class EventHub<Event: Sendable>: Sendable {
  private struct Observer: Sendable {
    let continuation: AsyncStream<Event>.Continuation
    var missedCount = 0
  }

  private struct State: Sendable {
    var observers: [UInt64: Observer] = [:]
    var next: UInt64 = 0
    var last: Event?
    var hasEnded = false
  }

  private let limit: Int
  private let missed: @Sendable (Int) -> Event
  private let state = Mutex(State())

  /// - Parameters:
  ///   - limit: How many events an observer may be behind.
  ///   - missed: The event that says that so many have been missed.
  init(limit: Int = 4_096, missed: @escaping @Sendable (Int) -> Event) {
    self.limit = max(2, limit)
    self.missed = missed
  }

  /// How many observe.
  var observerCount: Int { state.withLock { $0.observers.count } }

  /// What happens from now on.
  func events() -> AsyncStream<Event> {
    let (stream, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingOldest(limit))
    let (number, last) = state.withLock { state -> (UInt64?, Event?) in
      guard !state.hasEnded else { return (nil, state.last) }
      state.next += 1
      state.observers[state.next] = Observer(continuation: continuation)
      return (state.next, nil)
    }
    guard let number else {
      if let last { continuation.yield(last) }
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      // Handed out of the lock: its end may run code of the observer.
      let gone = self?.state.withLock { $0.observers.removeValue(forKey: number) }
      _ = gone
    }
    return stream
  }

  /// Something has happened. Called on one thread at a time, so that all observers hear of it in one order.
  func tell(_ event: Event) {
    for (number, observer) in state.withLock({ $0.observers }).sorted(by: { $0.key < $1.key }) {
      var missedCount = observer.missedCount
      if missedCount > 0, case .enqueued = observer.continuation.yield(missed(missedCount)) { missedCount = 0 }
      if missedCount > 0 {
        missedCount += 1
      } else if case .dropped = observer.continuation.yield(event) {
        missedCount = 1
      }
      if missedCount != observer.missedCount {
        state.withLock { $0.observers[number]?.missedCount = missedCount }
      }
    }
  }

  /// Nothing happens any more after this; observers hear of it, and then their sequences end.
  func end(_ last: Event) {
    tell(last)
    let observers = state.withLock { state in
      state.hasEnded = true
      state.last = last
      defer { state.observers = [:] }
      return state.observers
    }
    for observer in observers.values { observer.continuation.finish() }
  }
}
