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
  static func onOneCore<Result>(_ body: () async throws -> Result) async throws -> Result {
    // The last: the first is where most interrupts go.
    try check("sched_setaffinity", amf_place(getpid(), amf_cores() - 1))
    defer { _ = amf_place(getpid(), -1) }
    return try await body()
  }

  /// Runs the body with this process on one core and the given ones on another.
  ///
  /// Two processes that take turns are left where they are by the scheduler: on one core or on two, as they happened to
  /// start. One is up to five times as fast as the other, so the figures of a pair mean nothing unless it is chosen.
  static func onTwoCores<Result>(
    with others: [pid_t], _ body: () async throws -> Result
  ) async throws -> Result {
    for process in others { try check("sched_setaffinity", amf_place(process, amf_cores() - 1)) }
    try check("sched_setaffinity", amf_place(getpid(), 0))
    defer { _ = amf_place(getpid(), -1) }
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

  /// Binds a process to the last core, or to the first; to none if nil.
  static func place(_ process: pid_t, onLastCore: Bool?) {
    _ = amf_place(process, onLastCore.map { $0 ? amf_cores() - 1 : 0 } ?? -1)
  }

  /// The most memory that a process has ever had in use, shared pages of its program included, in megabytes.
  static func peakMegabytes(of process: pid_t) -> Double {
    let lines = SystemFile.text("/proc/\(process)/status")?.split(separator: "\n") ?? []
    guard let line = lines.first(where: { $0.hasPrefix("VmHWM:") }) else { return 0 }
    return (Double(line.filter(\.isNumber)) ?? 0) * 1_024 / 1e6
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
