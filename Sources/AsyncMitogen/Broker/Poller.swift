internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// The epoll descriptor of a loop, and the two descriptors by which other threads reach it.
final class Poller: Sendable {
  private let epoll: FileDescriptor
  private let waker: FileDescriptor
  let table = Mutex(DescriptorTable())

  private static let wakerData = UInt64.max

  init() throws(SystemError) {
    epoll = FileDescriptor(try SystemError.check("epoll_create", amt_epoll_create()))
    waker = FileDescriptor(try SystemError.check("eventfd", amt_eventfd()))
    _ = try SystemError.check(
      "epoll_ctl", amt_epoll_add(epoll.number, waker.number, AMT_READABLE, Poller.wakerData))
  }

  /// Makes a wait that is going on, or the next one, return.
  func wake() {
    var one: UInt64 = 1
    // A full counter would mean that a wake-up is pending already.
    _ = unsafe write(waker.number, &one, 8)
  }

  /// Starts watching a descriptor.
  func register(
    _ descriptor: Int32, interest: Readiness, keepsAlive: Bool, handler: any ReadinessHandler
  ) throws(SystemError) {
    // The kernel's table and ours change together, so two threads cannot interleave theirs.
    let result = table.withLock { table -> Int32 in
      let change = table.register(descriptor, interest: interest, keepsAlive: keepsAlive, handler: handler)
      let result = apply(change, descriptor, interest)
      if result < 0 { _ = table.remove(descriptor) }
      return result
    }
    _ = try SystemError.check("epoll_ctl", result)
  }

  /// Changes what a descriptor is watched for.
  func setInterest(_ descriptor: Int32, _ interest: Readiness) {
    table.withLock { table in
      let change = table.setInterest(descriptor, interest)
      _ = apply(change, descriptor, interest)
    }
  }

  /// Has the next wait look at a descriptor anew that is watched for edges.
  func tellAgain(_ descriptor: Int32) {
    table.withLock { table in
      guard let (data, interest) = table.registration(descriptor) else { return }
      _ = apply(.modify(data: data), descriptor, interest)
    }
  }

  /// Stops watching a descriptor; call before it is closed.
  ///
  /// - Parameter handler: Only what is registered for this one; whatever is registered if nil.
  func unregister(_ descriptor: Int32, handler: (any ReadinessHandler)? = nil) {
    table.withLock { table in
      if let handler, !table.isRegistered(descriptor, handler) { return }
      let change = table.remove(descriptor)
      _ = apply(change, descriptor, [])
    }
  }

  private func apply(_ change: DescriptorTable.Change, _ descriptor: Int32, _ interest: Readiness) -> Int32 {
    switch change {
    case .none: return 0
    case .add(let data):
      let result = amt_epoll_add(epoll.number, descriptor, interest.rawValue, data)
      // The number may still be known from a file of which a duplicate is open elsewhere.
      return result == -EEXIST ? amt_epoll_modify(epoll.number, descriptor, interest.rawValue, data) : result
    case .modify(let data):
      let result = amt_epoll_modify(epoll.number, descriptor, interest.rawValue, data)
      return result == -ENOENT ? amt_epoll_add(epoll.number, descriptor, interest.rawValue, data) : result
    case .remove:
      return amt_epoll_remove(epoll.number, descriptor)
    }
  }

  /// Waits at most `nanoseconds` (for ever if negative), then tells the handlers; called with the lane held.
  ///
  /// - Parameter awoke: Called when the wait is over, before any handler.
  func poll(nanoseconds: Int64, awoke: () -> Void) {
    unsafe withUnsafeTemporaryAllocation(of: amt_event.self, capacity: 128) { events in
      let count = unsafe amt_epoll_wait(epoll.number, events.baseAddress, 128, nanoseconds)
      awoke()
      guard count > 0 else { return }
      for index in 0..<Int(count) {
        let event = unsafe events[index]
        if event.data == Poller.wakerData {
          var counter: UInt64 = 0
          _ = unsafe read(waker.number, &counter, 8)
          continue
        }
        let readiness = Readiness(rawValue: event.events)
        // Looked up one at a time: a handler may have removed the next one's registration.
        if let handler = table.withLock({ $0.handler(for: event.data, readiness) }) { handler.ready(readiness) }
      }
    }
  }
}
