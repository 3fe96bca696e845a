import CAsyncMitogen
import Glibc

/// What functions in children say of themselves, and what tests ask of processes.
enum Facts {
  static func processID() -> Int32 { getpid() }

  /// Crashes, in a way that the compiler does not see.
  static func crash(_ reason: String) { if getpid() > 0 { fatalError(reason) } }

  /// Ends the process, in a way that the compiler does not see.
  static func leave(_ status: Int32) { if getpid() > 0 { exit(status) } }

  static func isAlive(_ pid: Int32) -> Bool {
    // A process that has ended and is not reaped yet has no command line any more, and runs nothing.
    guard kill(pid, 0) == 0 else { return false }
    return state(pid).map { $0 != "Z" && $0 != "X" } ?? false
  }

  /// Stops a child process; on return none of its threads runs.
  static func stop(_ pid: Int32) {
    kill(pid, SIGSTOP)
    var info = unsafe siginfo_t()
    while unsafe waitid(P_PID, id_t(pid), &info, WSTOPPED | WNOWAIT) != 0, errno == EINTR {}
  }

  /// The letter for the state of a process in /proc; nil if there is none.
  static func state(_ pid: Int32) -> Character? {
    guard let text = read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].first { $0 != " " }
  }

  static func read(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while true {
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// How many descriptors this process has open.
  static func descriptorCount() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe _ = closedir(directory) }
    var count = -3  // The directory itself, `.` and `..`.
    while unsafe readdir(directory) != nil { count += 1 }
    return count
  }

  /// What descriptors are open for, such as `3 pipe:[1]`.
  static func descriptors() -> [String] {
    (0..<1_024).compactMap { number in
      var target = [UInt8](repeating: 0, count: 256)
      let size = unsafe readlink("/proc/self/fd/\(number)", &target, target.count)
      return size < 0 ? nil : "\(number) \(String(decoding: target.prefix(size), as: UTF8.self))"
    }
  }

  /// The memory of this process alone, in kilobytes.
  static func residentKilobytes() -> Int {
    let line = read("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0.drop { !$0.isNumber }) } ?? -1
  }

  /// Waits until none of the processes runs any more; how long that took, nil if it takes too long.
  static func waitForEnd(of pids: [Int32], limit: Duration) -> Duration? {
    let clock = ContinuousClock()
    let start = clock.now
    for pid in pids {
      let descriptor = amt_pidfd_open(pid)
      // Gone so long that somebody has reaped it.
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      let left = limit - start.duration(to: clock.now)
      var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let milliseconds = max(0, left.components.seconds * 1_000 + left.components.attoseconds / 1_000_000_000_000_000)
      guard unsafe poll(&watched, 1, Int32(milliseconds)) > 0 else { return nil }
    }
    return start.duration(to: clock.now)
  }
}
