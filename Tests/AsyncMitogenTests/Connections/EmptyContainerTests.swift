import AsyncMitogen
import Glibc
import Testing

/// Contexts where there is nothing: no shell, no file, no program, no /proc.
@Suite(.timeLimit(.minutes(1)), .enabled(if: geteuid() == 0, "only root enters other processes' roots"))
struct `Contexts in empty containers` {
  /// A process whose root is an empty directory.
  private func leader(_ router: Router) async throws -> (Context, pid: Int32, root: String) {
    let leader = try await router.local()
    let (pid, root) = try await leader.call { () -> Started in
      var template = Array("/tmp/empty-root.XXXXXX".utf8CString)
      guard let path = unsafe mkdtemp(&template) else { throw Opaque() }
      let root = unsafe String(cString: path)
      guard unsafe chmod(root, 0o755) == 0, unsafe chroot(root) == 0, unsafe chdir("/") == 0 else { throw Opaque() }
      return Started(pid: getpid(), root: root)
    }.parts
    return (leader, pid, root)
  }

  @Test func `as root and as a number`() async throws {
    try await withRouter { router in
      let (_, pid, root) = try await leader(router)
      defer { unsafe rmdir(root) }
      for (username, user) in [("root", UInt32(0)), ("12345", 12_345)] {
        let inside = try await router.setns(container: "\(pid)", kind: .pid, username: username)
        #expect(inside.name == "setns.\(pid)")
        let seen = try await inside.call { [geteuid(), getegid(), unsafe access("/etc", F_OK) == 0 ? 1 : 0] }
        #expect(seen == [user, user, 0])
        // Closures, errors and what is printed pass as anywhere.
        #expect(try await inside.call(20, 22) { $0 + $1 } == 42)
        // Its program is a copy that nobody can write to.
        let process = try await inside.call { getpid() }
        let descriptor = unsafe open("/proc/\(process)/exe", O_RDWR)
        #expect(descriptor < 0)
        let line = Facts.read("/proc/\(process)/cmdline") ?? ""
        #expect(line.hasPrefix("mitogen:"), "\(line)")
        try await inside.shutdown()
      }
    }
  }

  @Test func `an account that nobody knows`() async throws {
    try await withRouter { router in
      let (_, pid, root) = try await leader(router)
      defer { unsafe rmdir(root) }
      let error = await #expect(throws: ConnectionError.self) {
        try await router.setns(container: "\(pid)", kind: .pid, username: "nobody")
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains("setns: getpwnam(nobody): No such file or directory"))
    }
  }

  private struct Opaque: Error {}
}

/// What the process in front tells: of file scope, for calls carry its name.
struct Started: Codable, Sendable {
  var pid: Int32
  var root: String
  var parts: (Int32, String) { (pid, root) }
}
