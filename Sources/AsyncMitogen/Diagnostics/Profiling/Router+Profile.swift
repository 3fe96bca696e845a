internal import Glibc
internal import Synchronization

/// Whether a process reports where it spent its time.
enum Profiling {
  /// Whether the environment asks for it, with any value of `MITOGEN_PROFILING`.
  static var isWantedByEnvironment: Bool { unsafe getenv("MITOGEN_PROFILING") != nil }
}

extension Router {
  /// Writes where this process spent its time, into a new file `/tmp/mitogen.stats.PID.NAME.log`. At the end of the router.
  func writeProfile() {
    guard let profile = callProfile else { return }
    do throws(LogFileError) {
      let name = parentIDs.isEmpty ? "master" : "context-\(contextID)"
      let file = try DiagnosticFile(named: "mitogen.stats.\(getpid()).\(name)")
      file.write(profileReport(profile).text)
      Router.log.info("profile: \(file.path)")
    } catch {
      Router.log.warning("no profile: \(error)")
    }
  }

  private func profileReport(_ profile: CallProfile) -> ProfileReport {
    var usage = rusage()
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func nanoseconds(_ time: timeval) -> UInt64 { UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1_000 }
    return ProfileReport(
      title: "context \(contextID), process \(getpid())", elapsed: loop.now &- startTime,
      user: nanoseconds(usage.ru_utime), system: nanoseconds(usage.ru_stime), loop: broker?.core.profile?.times,
      calls: profile.sorted)
  }
}
