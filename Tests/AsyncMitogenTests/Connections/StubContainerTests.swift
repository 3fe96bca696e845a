import AsyncMitogen
import Glibc
import Testing

/// Containers by programs that behave as the real ones, from the command line to calls and the end.
@Suite(.timeLimit(.minutes(2))) struct `Containers by stubs` {
  struct Case: Sendable, CustomTestStringConvertible {
    let program: String
    let name: String
    let words: [String]
    let connect: @Sendable (Router, String, ImageCache?, Context?) async throws -> Context
    var testDescription: String { words.joined(separator: " ") }

    init(
      _ program: String, _ name: String, _ words: [String],
      _ connect: @escaping @Sendable (Router, String, ImageCache?, Context?) async throws -> Context
    ) {
      self.program = program
      self.name = name
      self.words = words
      self.connect = connect
    }
  }

  private static let container = "somecontainer"

  private static let cases: [Case] = [
    Case("docker", "docker.\(container)", ["exec", "--interactive", container]) {
      try await $0.docker(container: container, dockerPath: $1, cache: $2, via: $3)
    },
    Case("docker", "docker.\(container)", ["run", "--interactive", "--user=u", "--rm", container]) {
      try await $0.docker(image: container, username: "u", dockerPath: $1, cache: $2, via: $3)
    },
    Case("podman", "podman.\(container)", ["exec", "--interactive", "--", container]) {
      try await $0.podman(container: container, podmanPath: $1, cache: $2, via: $3)
    },
    Case("podman", "podman.\(container)", ["exec", "--user=some_user", "--interactive", "--", container]) {
      try await $0.podman(container: container, username: "some_user", podmanPath: $1, cache: $2, via: $3)
    },
    Case("buildah", "buildah.\(container)", ["run", "--", container]) {
      try await $0.buildah(container: container, buildahPath: $1, cache: $2, via: $3)
    },
    Case("buildah", "buildah.\(container)", ["run", "--user=u", "--", container]) {
      try await $0.buildah(container: container, username: "u", buildahPath: $1, cache: $2, via: $3)
    },
    Case("jexec", "jail.\(container)", [container]) {
      try await $0.jail(container: container, jexecPath: $1, cache: $2, via: $3)
    },
    Case("jexec", "jail.\(container)", ["-U", "u", container]) {
      try await $0.jail(container: container, username: "u", jexecPath: $1, cache: $2, via: $3)
    },
    Case("kubectl", "kubectl.\(container)['-n', 'ns']", ["-n", "ns", "exec", "-it", container, "--"]) {
      try await $0.kubectl(pod: container, kubectlPath: $1, kubectlArguments: ["-n", "ns"], cache: $2, via: $3)
    },
    Case("lxc-attach", "lxc.\(container)", ["--clear-env", "--name", container, "--"]) {
      try await $0.lxc(container: container, lxcAttachPath: $1, cache: $2, via: $3)
    },
    Case("lxc", "lxd.\(container)", ["exec", "--mode=noninteractive", container, "--"]) {
      try await $0.lxd(container: container, lxcPath: $1, cache: $2, via: $3)
    },
    Case("incus", "incus.\(container)", ["exec", "--mode=non-interactive", container, "--"]) {
      try await $0.incus(container: container, incusPath: $1, cache: $2, via: $3)
    },
  ]

  @Test func `a whole context through each`() async throws {
    let cache = TestCache()
    try await withRouter { router in
      let above = try await router.local()
      for (number, test) in Self.cases.enumerated() {
        let stub = try StubProgram(test.program)
        // Started here, and from another context.
        let via = number.isMultiple(of: 2) ? nil : above
        let context = try await test.connect(router, stub.path, .directory(cache.path), via)
        #expect(context.name == (via.map { "\($0.name ?? "?")." } ?? "") + test.name)
        #expect(stub.words == test.words && stub.isGivenFirstStage)
        #expect(try await context.call(1, 2) { $0 + $1 } == 3)
        // The client stays between, and ends with it.
        let pids = try await context.call { [getpid(), getppid()] }
        try await context.shutdown()
        #expect(Facts.waitForEnd(of: pids, limit: .seconds(10)) != nil, "\(test.name)")
      }
    }
  }

  /// Programs, the last line of what they say, and who has a hint.
  private static let refusals: [(String, String, String?)] = [
    ("docker", "No such container: none", nil), ("podman", "no such container", nil),
    ("buildah", "container \"none\" not found", nil), ("jexec", "jail \"none\" not found", nil),
    ("kubectl", "pods \"none\" not found", nil), ("lxc-attach", "Failed to get init pid", "LXC"),
    ("lxc", "Instance not found", "LXC"), ("incus", "Instance not found", "Incus"),
  ]

  @Test(arguments: [false, true])
  func `no such container: what the program says, and what may help`(_ isBelow: Bool) async throws {
    try await withRouter { router in
      let via = isBelow ? try await router.local() : nil
      for (program, text, hint) in Self.refusals {
        let stub = try StubProgram(program)
        let error = await #expect(throws: ConnectionError.self) {
          try await Self.connect(router, program, stub.path, via)
        }
        #expect(error?.lines.last?.contains(text) == true, "\(error as Any)")
        #expect(error?.hint == hint.map(Self.hint))
        #expect(error?.phase == .bootstrap && error?.command.first == stub.path)
        #expect(error?.status == .exited(code: ["podman", "buildah"].contains(program) ? 125 : 1))
        #expect(error?.route == [.master] + (via.map { [$0.id] } ?? []))
      }
    }
  }

  /// Connects to a container that is not there.
  private static func connect(
    _ router: Router, _ program: String, _ path: String, _ via: Context?
  ) async throws -> Context {
    // What would be sent: every context that starts others would read all of this program.
    let small = ProgramImage.file("/bin/sh")
    return switch program {
    case "docker": try await router.docker(container: "none", dockerPath: path, image: small, via: via)
    case "podman": try await router.podman(container: "none", podmanPath: path, image: small, via: via)
    case "buildah": try await router.buildah(container: "none", buildahPath: path, image: small, via: via)
    case "jexec": try await router.jail(container: "none", jexecPath: path, image: small, via: via)
    case "kubectl": try await router.kubectl(pod: "none", kubectlPath: path, image: small, via: via)
    case "lxc-attach": try await router.lxc(container: "none", lxcAttachPath: path, image: small, via: via)
    case "lxc": try await router.lxd(container: "none", lxcPath: path, image: small, via: via)
    default: try await router.incus(container: "none", incusPath: path, image: small, via: via)
    }
  }

  private static func hint(_ program: String) -> String {
    "Note: many versions of \(program) do not report program execution failure meaningfully. "
      + "Please check the host logs (/var/log) for more information."
  }

  @Test func `a program that ends without a word`() async throws {
    try await withRouter { router in
      let lxc = await #expect(throws: ConnectionError.self) {
        try await router.lxc(container: "c", lxcAttachPath: "true", image: .file("/bin/sh"))
      }
      let lxd = await #expect(throws: ConnectionError.self) {
        try await router.lxd(container: "c", lxcPath: "true", image: .file("/bin/sh"))
      }
      let incus = await #expect(throws: ConnectionError.self) {
        try await router.incus(container: "c", incusPath: "true", image: .file("/bin/sh"))
      }
      for (error, program) in [(lxc, "LXC"), (lxd, "LXC"), (incus, "Incus")] {
        #expect(error?.hint == Self.hint(program) && error?.status == .exited(code: 0))
        #expect(error?.lines == [] && error?.description.contains("hint: Note: many versions") == true)
      }
    }
  }

  // MARK: namespaces

  @Test(.enabled(if: Namespaces.areAllowed, "needs root, and unshare and hostname in PATH"))
  func `a context in another's namespaces`() async throws {
    let inside = try Namespaces()
    let cache = TestCache()
    let settings = ["STUB_LEADER": "\(inside.leader)"]
    try await withRouter { router in
      for kind in [SetnsConnection.Kind.docker, .podman, .lxc, .lxd, .machinectl] {
        let stub = try StubProgram(
          [.docker: "docker", .podman: "docker", .lxc: "lxc-info", .lxd: "lxc", .machinectl: "machinectl"][kind] ?? "",
          settings)
        let context = try await router.setns(
          container: Self.container, kind: kind, dockerPath: stub.path, podmanPath: stub.path, lxcPath: stub.path,
          lxcInfoPath: stub.path, machinectlPath: stub.path, cache: .directory(cache.path))
        #expect(context.name == "setns.\(Self.container)")
        #expect(try await context.call { Namespaces.hostName() } == inside.hostName)
        #expect(Namespaces.hostName() != inside.hostName)
        let none = await #expect(throws: StreamError.self) {
          try await router.setns(
            container: "none", kind: kind, dockerPath: stub.path, podmanPath: stub.path, lxcPath: stub.path,
            lxcInfoPath: stub.path, machinectlPath: stub.path)
        }
        #expect(none?.message.contains("exited with status 1: ") == true)
        try await context.shutdown()
      }
    }
  }
}

/// A process in a namespace with a host name of its own.
private final class Namespaces: Sendable {
  let hostName = "amt-inside"
  let leader: Int32
  private let place: Scratch

  init() throws {
    place = try Scratch()
    // It says that it is there, and waits until it is killed.
    let script = "hostname \(hostName); echo $$; exec >/dev/null 2>&1; exec sleep 600"
    let started = try ShellCommand(
      "unshare --uts sh -c \(ShellCommand.quoted(script)) >\(place.path("leader")) 2>&1 & "
        + "while ! grep -q . \(place.path("leader")); do sleep 0.01; done; cat \(place.path("leader"))")
    guard let leader = Int32(started.output.split(separator: "\n").last ?? "") else {
      throw ShellCommand.NotStarted(line: started.output)
    }
    self.leader = leader
  }

  deinit { kill(leader, SIGKILL) }

  static let areAllowed =
    geteuid() == 0 && ShellCommand.finds("hostname") && (try? ShellCommand("unshare --uts true").status) == 0

  static func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    _ = unsafe gethostname(&buffer, buffer.count - 1)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
