import AsyncMitogen
import Glibc
import Testing

private let bed = Testbed.shared

/// The testbed's hosts: network namespaces, each with a name, an sshd and process identifiers of its own.
///
/// Host 0 is where a controller runs; what runs on the others is started by ssh.
enum ThreeHosts {
  /// Starts a context on host 0.
  struct Controller: CommandConnection {
    static let methodName = "in-net"
    var options = ConnectionOptions()
    var defaultName: String { "controller" }

    func commandLine(boot: [String]) -> [String] { [bed["NETNS_EXEC"]] + boot }
  }

  /// ssh to a host, by the network that can be cut. From host 0 by a key, from others by a password.
  static func ssh(_ host: Int, byKey: Bool) -> SSHConnection {
    SSHConnection(
      hostname: address(of: host), username: bed["NETNS_SSH_USER"], sshArguments: arguments,
      password: byKey ? nil : Secret(bed["NETNS_SSH_PASSWORD"]), identityFile: byKey ? bed["NETNS_SSH_KEY"] : nil)
  }

  static func address(of host: Int) -> String { bed["NETNS_HOST\(host)_WAN"] }

  /// Nothing of whoever runs the tests.
  static var arguments: [String] {
    [
      "-F", "/dev/null", "-o", "UserKnownHostsFile \(bed["NETNS_KNOWN_HOSTS"])", "-o", "IdentityAgent none",
      "-o", "GlobalKnownHostsFile /dev/null",
    ]
  }

  /// The contexts on the way to host 3.
  struct Way {
    let controller: Context
    let second: Context
    let third: Context
  }

  /// Host 0, from there host 2, from there host 3.
  static func way(_ router: Router) async throws -> Way {
    let controller = try await router.connect(Controller())
    let second = try await router.connect(ssh(2, byKey: true), via: controller)
    let third = try await router.connect(ssh(3, byKey: false), via: second)
    return Way(controller: controller, second: second, third: third)
  }

  /// What runs on a host beside its sshd: identifier, short name and command line of each.
  static func processes(on host: Int) throws -> [String] {
    guard
      let first = try ShellCommand("cat /proc/\(daemon(of: host))/task/*/children").output.split(separator: " ").first
    else { return [] }
    let list = try ShellCommand("nsenter -t \(first) -p -m ps -eo pid=,comm=,args=").output.split(separator: "\n")
    return list.map { $0.drop { $0 == " " } }.filter { line in
      !line.hasPrefix("1 ") && !line.hasSuffix("ps -eo pid=,comm=,args=")
    }.map(String.init)
  }

  /// Whether one of them is a context.
  static func isContext(_ process: String) -> Bool {
    let words = process.split(separator: " ")
    return words.count == 3 && words[1] == "mitogen" && words[2].hasPrefix("mitogen:")
  }

  /// What runs on host 0.
  static func controllerProcesses() throws -> String {
    try ShellCommand(
      "for p in $(ip netns pids \(bed["NETNS_CONTROLLER"])); do tr '\\0' ' ' < /proc/$p/cmdline && echo; done 2>/dev/null"
    ).output
  }

  /// What is left on the hosts, in a namespace or on disk; nothing if all is well.
  static func leftovers(except besides: (String) -> Bool = { _ in false }) throws -> [String] {
    let processes = try (1...3).flatMap { host in try self.processes(on: host).map { "host \(host): \($0)" } }
    return processes.filter { !besides($0) }
      + (try ConnectFixtures.files()).split(separator: "\n").map(String.init)
  }

  /// Waits until nothing is left; how long that took.
  @discardableResult static func waitUntilEmpty(
    except besides: (String) -> Bool = { _ in false }, limit: Duration = .seconds(10),
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Duration {
    let start = ContinuousClock.now
    while case let left = try leftovers(except: besides), !left.isEmpty {
      let spent = ContinuousClock.now - start
      try #require(spent < limit, "\(left.joined(separator: "\n"))", sourceLocation: sourceLocation)
      await Task.yield()
    }
    return ContinuousClock.now - start
  }

  /// Waits until nothing runs on host 0 any more: a process that has been reaped may be listed for a moment.
  static func waitForController(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now + .seconds(2)
    while case let left = try controllerProcesses(), !left.isEmpty {
      try #require(ContinuousClock.now < deadline, "\(left)", sourceLocation: sourceLocation)
      await Task.yield()
    }
  }

  /// The process that all of a host hangs on: when it is killed, so is everything there.
  static func daemon(of host: Int) throws -> pid_t {
    let text = Facts.read(bed["TESTBED_DIR"] + "/state/nssshd\(host).pid") ?? ""
    return try #require(text.split(separator: " ").first.flatMap { pid_t($0) })
  }

  /// Changes the network between two hosts.
  static func setLink(_ first: Int, _ second: Int, isDown: Bool) throws {
    let command = "\(bed["NETNS_WAN"]) set amt-h\(first) amt-h\(second) down=\(isDown ? 1 : 0)"
    #expect(try ShellCommand(command).status == 0)
  }

  /// Starts again what has been killed.
  static func repair() throws {
    let outcome = try ShellCommand("\(ShellCommand.quoted(Place.package))/Tests/Testbed/up netns")
    #expect(outcome.status == 0, "\(outcome.output)")
  }
}
