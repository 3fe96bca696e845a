import AsyncMitogen
import Glibc
import Testing

/// Whole contexts, with the program sent to where they run; one after the other, for they look at what is left behind.
@Suite(.serialized) struct `Contexts over real programs` {}

private let bed = Testbed.shared

/// Methods with the testbed's accounts, and nothing of whoever runs the tests.
enum ConnectFixtures {
  static func ssh(
    key: String? = bed["SSH_KEY"], password: Secret? = nil, port: String = bed["SSH_PORT"],
    knownHosts: String = bed["KNOWN_HOSTS"], arguments: [String] = [], isInteractive: Bool = false,
    timeout: Duration = .seconds(30), cache: ImageCache? = nil, image: ProgramImage? = nil
  ) -> SSHConnection {
    let own = ["-F", "/dev/null", "-o", "UserKnownHostsFile \(knownHosts)", "-o", "IdentityAgent none"]
    let noKeys = key == nil ? ["-o", "IdentityFile /dev/null"] : []
    return SSHConnection(
      hostname: bed["SSH_HOST"], username: bed["SSH_USER"], port: Int(port), sshArguments: own + noKeys + arguments,
      password: password, identityFile: key, isInteractive: isInteractive,
      options: ConnectionOptions(connectTimeout: timeout, image: image, cache: cache))
  }

  /// A context as one of the testbed's users, which root may become without a password.
  static func become(_ user: String, _ router: Router) async throws -> Context {
    try await router.sudo(username: bed[user])
  }

  /// What a context's user is called.
  static func user(of context: Context) async throws -> String {
    try await context.call { unsafe getpwuid(getuid()).map { unsafe String(cString: $0.pointee.pw_name) } ?? "" }
  }

  /// What is left of the first stage on disk. Those of other tests may be at work, and are gone soon.
  static func leftFiles() async throws -> String {
    let deadline = ContinuousClock.now + .seconds(5)
    while case let files = try files(), !files.isEmpty {
      guard ContinuousClock.now < deadline else { return files }
      await Task.yield()
    }
    return ""
  }

  /// What there is of first stages on disk.
  static func files() throws -> String {
    try ShellCommand("ls -d /tmp/.mitogen.* /dev/shm/.mitogen.* /var/tmp/.mitogen.* 2>/dev/null || true").output
  }
}

/// A place for programs over there, gone with this value.
final class TestCache: Sendable {
  /// Made by the first stage; of digits and fixed letters alone.
  let path = "/tmp/amt-cache-\(getpid())-\(UInt32.random(in: 1_000...999_999))"

  /// How many files are in it.
  var entries: Int {
    guard let directory = unsafe opendir(path) else { return 0 }
    defer { unsafe closedir(directory) }
    var count = -2
    while unsafe readdir(directory) != nil { count += 1 }
    return count
  }

  deinit { _ = try? ShellCommand("rm -rf -- '\(path)'") }
}
