import Testing

@testable import AsyncMitogen

@Suite struct `Connection methods on the wire` {
  private static let methods: [any CommandConnection] = [
    SSHConnection(
      hostname: "h", username: "u", port: 1, sshPath: "s", sshArguments: ["a"], checkHostKeys: .ignore, password: "p",
      identityFile: "i", identityPassphrase: "q", identitiesOnly: false, compression: true, keepaliveEnabled: false,
      keepaliveInterval: 1, keepaliveCount: 2, debugLevel: 3, passwordPrompts: ["x"], isInteractive: true,
      options: .init(name: "n", remoteName: "r", debug: true)),
    SudoConnection(
      username: "u", sudoPath: "s", password: "p", preserveEnvironment: true, setHome: false, login: true,
      selinuxRole: "r", selinuxType: "t", sudoArguments: ["-n"], passwordPrompts: ["x"], isInteractive: true),
    SuConnection(
      username: "u", password: "p", suPath: "s", passwordPrompt: "w", passwordPrompts: ["x"], incorrectPrompts: ["y"]),
    DoasConnection(
      username: "u", password: "p", doasPath: "s", passwordPrompt: "w", passwordPrompts: ["x"], incorrectPrompts: ["y"]),
    DockerConnection(container: "c", username: "u", dockerPath: "d"), DockerConnection(image: "i"),
    PodmanConnection(container: "c", username: "u", podmanPath: "p"),
    BuildahConnection(container: "c", username: "u", buildahPath: "p"),
    JailConnection(container: "c", username: "u", jexecPath: "p"),
    KubectlConnection(pod: "p", kubectlPath: "k", kubectlArguments: ["a"]),
    LXCConnection(container: "c", lxcAttachPath: "p"), LXDConnection(container: "c", lxcPath: "p"),
    IncusConnection(container: "c", incusPath: "p"),
  ]

  private static func back<Method: CommandConnection>(_ method: Method) throws -> any CommandConnection {
    try PickleDecoder().decode(Method.self, from: PickleEncoder().encode(method))
  }

  @Test(arguments: Array(methods.indices)) func `Arrive as they were sent`(_ index: Int) throws {
    let method = Self.methods[index]
    let copy = try Self.back(method)
    #expect(try copy.commandLine(boot: ["a b"]) == method.commandLine(boot: ["a b"]))
    #expect(copy.options == method.options)
    // All of it, with its secrets.
    var (one, other) = ("", "")
    dump(method, to: &one)
    dump(copy, to: &other)
    #expect(one == other)
  }

  @Test func `Secrets arrive, and are not printed`() throws {
    let method = try Self.back(SSHConnection(hostname: "h", password: "hunter2"))
    #expect((method as? SSHConnection)?.password?.reveal() == "hunter2")
    var text = "\(method)"
    dump(method, to: &text)
    #expect(!text.contains("hunter2"))
  }

  @Test func `Neither container nor image is an error`() throws {
    struct Forged: Codable {
      var options = ConnectionOptions()
      var dockerPath = "docker"
      enum CodingKeys: String, CodingKey {
        case options
        case dockerPath = "docker_path"
      }
    }
    let method = try PickleDecoder().decode(DockerConnection.self, from: PickleEncoder().encode(Forged()))
    #expect(throws: StreamError.self) { try method.commandLine(boot: []) }
  }

  @Test func `Each has Mitogen's name`() {
    #expect(
      KnownMethods.all.keys.sorted() == [
        "buildah", "doas", "docker", "fork", "incus", "jail", "kubectl", "local", "lxc", "lxd", "podman", "setns",
        "ssh", "su",
        "sudo",
      ])
  }
}
