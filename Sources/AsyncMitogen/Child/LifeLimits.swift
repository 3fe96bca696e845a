/// Notices that a context has had nothing to do for a while. Pure.
struct IdleWatch: Sendable {
  /// For how long at least, in nanoseconds.
  let limit: UInt64
  private var activity: UInt64?
  private var since: UInt64 = 0

  init(limit: UInt64) { self.limit = limit }

  /// A look.
  ///
  /// - Parameters:
  ///   - total: How many messages have come and gone that count.
  ///   - isBusy: Whether something goes on here now.
  /// - Returns: How many nanoseconds there are to the next look at most; nil if it has been idle for too long.
  mutating func look(activity total: UInt64, isBusy: Bool, now: UInt64) -> UInt64? {
    if isBusy || activity != total {
      activity = total
      since = now
      return limit
    }
    let idle = now > since ? now - since : 0
    return idle >= limit ? nil : limit - idle
  }
}

extension Router {
  /// Waits until this context has had nothing to do for so long; false if the router ends before that.
  func becomesIdle(for timeout: Duration) async -> Bool {
    var watch = IdleWatch(limit: UInt64(max(1, timeout.nanoseconds)))
    while true {
      let activity = table.counts.delivered &+ table.counts.sent &+ table.counts.forwarded &- keepAliveMessages
      guard let wait = watch.look(activity: activity, isBusy: isBusy, now: loop.now) else { return true }
      guard await pause(for: .nanoseconds(Int64(clamping: wait))) else { return false }
    }
  }

  private var isBusy: Bool {
    let now = statistics()
    return !children.isEmpty || now.calls.running + now.calls.waiting + now.calls.inFlight > 0
      || (now.services.map { $0.running + $0.waiting > 0 } ?? false)
  }
}
