internal import Glibc

/// What a context knows of itself and its host.
struct Facts: Codable, Sendable {
  var hostName: String
  /// Differs from one start of a host to the next: two hosts of the same name are told apart by it.
  var bootID: String
  var kernel: String
  var user: String
  var processID: Int
  var parentProcessID: Int
  /// Seconds since the host's start.
  var uptime: Double
  /// The mean number of runnable processes over 1, 5 and 15 minutes.
  var loads: [Double]
  /// Bytes.
  var memoryUsed: Int
  /// Bytes.
  var memoryTotal: Int
  var topProcesses: [ProcessUse]

  /// Says which host it is; containers on one machine count as several, for each sees its own processes.
  var host: Host { Host(name: hostName, bootID: bootID) }

  struct Host: Hashable {
    let name: String
    let bootID: String
  }
}

extension Facts {
  /// Gathers the facts of the process that this is called in.
  ///
  /// - Parameters:
  ///   - topProcesses: How many processes to name.
  ///   - sampleMilliseconds: The time between the two samples of all processes.
  static func gather(topProcesses count: Int, sampleMilliseconds: Int) async throws -> Facts {
    let clock = ContinuousClock()
    let start = clock.now
    let first = ProcessReading.all()
    try await Task.sleep(for: .milliseconds(sampleMilliseconds))
    // The sleep may have been longer than asked for.
    let elapsed = start.duration(to: clock.now)
    let top = ProcessUse.top(
      count, from: first, to: ProcessReading.all(), seconds: elapsed / .seconds(1),
      ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))))
    return current(topProcesses: top.map { $0.named(by: SystemFile.text("/proc/\($0.processID)/cmdline")) })
  }

  private static func current(topProcesses: [ProcessUse]) -> Facts {
    let memory = SystemFile.text("/proc/meminfo").flatMap(HostReadings.memory) ?? (0, 0)
    return Facts(
      hostName: SystemFile.word("/proc/sys/kernel/hostname") ?? "?",
      bootID: SystemFile.word("/proc/sys/kernel/random/boot_id") ?? "?",
      kernel: SystemFile.word("/proc/sys/kernel/osrelease") ?? "?", user: userName(), processID: Int(getpid()),
      parentProcessID: Int(getppid()), uptime: SystemFile.text("/proc/uptime").flatMap(HostReadings.uptime) ?? 0,
      loads: SystemFile.text("/proc/loadavg").flatMap(HostReadings.loads) ?? [], memoryUsed: memory.used,
      memoryTotal: memory.total, topProcesses: topProcesses)
  }

  private static func userName() -> String {
    let identifier = geteuid()
    return SystemFile.text("/etc/passwd").flatMap { HostReadings.userName(of: identifier, in: $0) }
      ?? String(identifier)
  }
}

extension ProcessReading {
  /// All processes that this one can see, by number.
  static func all() -> [Int: ProcessReading] {
    var readings: [Int: ProcessReading] = [:]
    for processID in SystemFile.numericNames(in: "/proc") {
      readings[processID] = SystemFile.text("/proc/\(processID)/stat").flatMap { ProcessReading($0) }
    }
    return readings
  }
}
