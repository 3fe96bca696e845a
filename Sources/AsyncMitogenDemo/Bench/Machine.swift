import CAsyncMitogenFloor
import Glibc

/// What the benchmark asks of the system it runs on.
enum Machine {
  /// Nanoseconds of the monotonic clock, the one that the floors read too.
  static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Runs the body with all of this process on one core, and with it every child that the body starts.
  static func pinned<Result>(_ body: () async throws -> Result) async throws -> Result {
    try check("sched_setaffinity", amf_pin())
    defer { amf_unpin() }
    return try await body()
  }

  /// The CPU time that a process has used, in nanoseconds.
  static func cpuTime(of process: pid_t) throws -> UInt64 {
    var time: UInt64 = 0
    try unsafe check("clock_getcpuclockid", amf_cpu_time(process, &time))
    return time
  }

  /// The proportional set size of a process, in megabytes.
  static func megabytes(of process: pid_t) throws -> Double {
    let bytes = amf_proportional_set_size(process)
    try check("smaps_rollup", Int32(clamping: min(bytes, 0)))
    return Double(bytes) / 1e6
  }

  /// Lets this process have as many descriptors as it may.
  static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Throws if a function of the floors has failed.
  static func check(_ operation: String, _ result: Int32) throws(FloorError) {
    if result < 0 { throw FloorError(operation: operation, code: -result) }
  }
}

/// A system call that failed in a floor.
struct FloorError: Error, CustomStringConvertible {
  let operation: String
  let code: Int32

  var description: String { "\(operation): \(unsafe String(cString: strerror(code)))" }
}
