/// What routers and streams need of the thing that drives them: the broker, or a simulation with its own clock.
///
/// Work on the lane runs one piece at a time and in order; an actor whose executor is ``lane`` may be entered from it
/// with `assumeIsolated`.
protocol EventLoop: AnyObject, Sendable {
  /// The executor of the actors on this loop.
  var lane: UnownedSerialExecutor { get }
  /// Where calls, and whatever else belongs to the user, run.
  var tasks: any TaskExecutor { get }
  /// Nanoseconds on a clock that never goes back.
  var now: UInt64 { get }
  /// The same clock, a few milliseconds behind it, and read in a fifth of the time.
  var coarseNow: UInt64 { get }
  /// Runs `work` on the lane, after all that was put there before.
  func enqueue(_ work: @escaping @Sendable () -> Void)
  /// Runs `work` on the lane once what is runnable has run; called on the lane. Streams write then: many messages, one
  /// system call.
  func enqueueAtEndOfTurn(_ work: @escaping @Sendable () -> Void)
  /// As ``enqueue(_:)`` with a closure, for work that is there already.
  func enqueue(_ runnable: any LaneRunnable)
  /// As ``enqueueAtEndOfTurn(_:)`` with a closure, for work that is there already.
  func enqueueAtEndOfTurn(_ runnable: any LaneRunnable)
  /// Whether the calling thread holds the lane.
  var holdsLane: Bool { get }
  /// Runs `action` on the lane after `delay`.
  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> TimerIdentifier
  /// Forgets a timer; without effect if it has run.
  func cancel(_ timer: TimerIdentifier)
}

extension EventLoop {
  var coarseNow: UInt64 { now }
  func enqueue(_ runnable: any LaneRunnable) { enqueue { runnable.runOnLane() } }
  func enqueueAtEndOfTurn(_ runnable: any LaneRunnable) { enqueueAtEndOfTurn { runnable.runOnLane() } }
}

extension Duration {
  /// The duration in nanoseconds, within what 63 bits hold.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, sumOverflow) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return sumOverflow ? .max : sum
  }
}
