import Glibc
import Synchronization

/// A moment by the wall clock of this machine.
public struct LogTime: Hashable, Sendable, Comparable {
  /// Whole seconds since 1970-01-01 00:00 UTC.
  public let seconds: Int64
  /// Nanoseconds after them: 0 to 999,999,999.
  public let nanoseconds: Int32

  /// Makes a moment.
  public init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// Reads the clock.
  public static var now: LogTime {
    var time = timespec()
    // It cannot fail for this clock and a valid address.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return LogTime(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
  }

  /// Orders the earlier before the later.
  public static func < (left: LogTime, right: LogTime) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }
}

/// Hour, minute and second on the clock of this machine's time zone.
struct TimeOfDay: Hashable, Sendable {
  var hour: UInt8
  var minute: UInt8
  var second: UInt8

  /// The last second that was asked for. `localtime_r` takes a lock and walks the zone's rules; most records of a busy
  /// process fall into the same second as the one before.
  private static let latest = Mutex<(seconds: Int64, time: TimeOfDay)?>(nil)

  /// The local time at a moment.
  static func local(at time: LogTime) -> TimeOfDay {
    if let known = latest.withLock({ $0 }), known.seconds == time.seconds { return known.time }
    var seconds = time_t(time.seconds)
    var parts = unsafe tm()
    // Null comes back only for a year beyond the range of an Int32; the parts are zero then.
    _ = unsafe localtime_r(&seconds, &parts)
    let local = unsafe TimeOfDay(
      hour: UInt8(clamping: parts.tm_hour), minute: UInt8(clamping: parts.tm_min),
      second: UInt8(clamping: parts.tm_sec))
    latest.withLock { $0 = (time.seconds, local) }
    return local
  }
}
