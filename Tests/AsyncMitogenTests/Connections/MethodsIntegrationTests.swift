import Glibc
import Testing

@testable import AsyncMitogen

private let bed = Testbed.shared

/// Real programs; see Tests/Testbed.
@Suite(.serialized) struct `Methods with real programs` {
  @Suite(.serialized, .enabled(if: bed.has("SSH"), "\(bed.reason("SSH"))"))
  struct `ssh` {
    private static func method(
      knownHosts: String = bed["KNOWN_HOSTS"], port: String = bed["SSH_PORT"], arguments: [String] = [],
      checkHostKeys: HostKeyChecking = .enforce, password: Secret? = nil, key: String? = nil,
      passphrase: Secret? = nil, debugLevel: Int = 0, isInteractive: Bool = false
    ) -> SSHConnection {
      // Nothing of whoever runs the tests.
      let own = ["-F", "/dev/null", "-o", "UserKnownHostsFile \(knownHosts)", "-o", "IdentityAgent none"]
      let noKeys = key == nil ? ["-o", "IdentityFile /dev/null"] : []
      return SSHConnection(
        hostname: bed["SSH_HOST"], username: bed["SSH_USER"], port: Int(port), sshArguments: own + noKeys + arguments,
        checkHostKeys: checkHostKeys, password: password, identityFile: key, identityPassphrase: passphrase,
        debugLevel: debugLevel, isInteractive: isInteractive)
    }

    private static func expectUp(_ outcome: MethodsDriver.Outcome) {
      #expect(outcome.isUp && outcome.failure == nil, "\(outcome)")
      #expect(outcome.reply == "got hello there")
      #expect(outcome.status == .exited(code: 0))
    }

    private static var password: Secret { Secret(bed["SSH_PASSWORD"]) }

    @Test func `The right password gets in`() throws {
      Self.expectUp(try MethodsDriver.run(Self.method(password: Self.password)))
    }

    @Test func `Its terminal is not needed once it is in`() throws {
      let boot = ["sh", "-c", #"echo MITO002; read -r line; echo lost >&2; sleep 0.2; echo "got $line""#]
      Self.expectUp(try MethodsDriver.run(Self.method(password: Self.password), boot: boot))
    }

    @Test func `A wrong password is an error after one try`() throws {
      let outcome = try MethodsDriver.run(Self.method(password: "wrong"))
      #expect(outcome.failure == .password("SSH password is incorrect"), "\(outcome)")
      #expect(outcome.log.filter { $0.contains("try again") }.count == 1)
    }

    @Test func `No password is an error`() throws {
      let outcome = try MethodsDriver.run(Self.method())
      #expect(outcome.failure == .password("SSH password was requested, but none specified"), "\(outcome)")
    }

    @Test func `A key gets in`() throws { Self.expectUp(try MethodsDriver.run(Self.method(key: bed["SSH_KEY"]))) }

    @Test func `A key that is not accepted is an error`() throws {
      let outcome = try MethodsDriver.run(Self.method(key: bed["SSH_KEY_REFUSED"]))
      #expect(outcome.failure == .password("SSH password was requested, but none specified"), "\(outcome)")
    }

    @Test func `An encrypted key gets in with its passphrase`() throws {
      let (key, passphrase) = (bed["SSH_KEY_ENCRYPTED"], Secret(bed["SSH_KEY_PASSPHRASE"]))
      Self.expectUp(try MethodsDriver.run(Self.method(key: key, passphrase: passphrase)))
      let outcome = try MethodsDriver.run(Self.method(key: key, isInteractive: true), answers: ["wrong", passphrase])
      Self.expectUp(outcome)
      #expect(outcome.requests.map(\.kind) == [.passphrase(key: key), .passphrase(key: key)])
      #expect(outcome.requests.map(\.attempt) == [1, 2])
    }

    @Test func `A wrong passphrase is an error`() throws {
      let outcome = try MethodsDriver.run(Self.method(key: bed["SSH_KEY_ENCRYPTED"], passphrase: "wrong"))
      #expect(outcome.failure == .password("SSH key passphrase is incorrect"), "\(outcome)")
    }

    @Test func `An unknown host is refused`() throws {
      let outcome = try MethodsDriver.run(Self.method(knownHosts: bed["KNOWN_HOSTS_EMPTY"], password: Self.password))
      #expect(outcome.failure == `Dialogues at log-in`.refusedKey, "\(outcome)")
    }

    @Test func `An unknown host is taken if it may, and known then`() throws {
      var path = Array("/tmp/amt-known-hosts-XXXXXX".utf8CString)
      close(unsafe mkstemp(&path))
      let knownHosts = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      _ = close(unsafe mkstemp(&path))
      Self.expectUp(
        try MethodsDriver.run(
          Self.method(knownHosts: knownHosts, checkHostKeys: .accept, password: Self.password)))
      Self.expectUp(try MethodsDriver.run(Self.method(knownHosts: knownHosts, key: bed["SSH_KEY"])))
    }

    @Test(arguments: [HostKeyChecking.enforce, .accept])
    func `A host whose key has changed is refused`(_ checking: HostKeyChecking) throws {
      let outcome = try MethodsDriver.run(
        Self.method(knownHosts: bed["KNOWN_HOSTS_CHANGED"], checkHostKeys: checking, password: Self.password))
      #expect(outcome.failure == `Dialogues at log-in`.refusedKey, "\(outcome)")
    }

    @Test func `Keys of hosts are ignored if they may`() throws {
      var method = Self.method(checkHostKeys: .ignore, key: bed["SSH_KEY"])
      method.sshArguments = ["-F", "/dev/null"]
      Self.expectUp(try MethodsDriver.run(method))
    }

    @Test func `A refused connection ends with what ssh says`() throws {
      let outcome = try MethodsDriver.run(Self.method(port: "1"))
      #expect(outcome.status == .exited(code: 255))
      #expect(outcome.log == ["ssh: connect to host 127.0.0.1 port 1: Connection refused"])
    }

    @Test(arguments: [0, 1, 3]) func `Banners that look like prompts are none`(_ debugLevel: Int) throws {
      let method = Self.method(port: bed["SSH_KBDINT_PORT"], password: Self.password, debugLevel: debugLevel)
      let outcome = try MethodsDriver.run(method)
      Self.expectUp(outcome)
      #expect(outcome.log.contains { $0.contains("debug1: Reading configuration data") } == (debugLevel > 0))
    }

    @Test func `What a server asks is asked of whoever connects`() throws {
      let method = Self.method(port: bed["SSH_KBDINT_PORT"], isInteractive: true)
      let outcome = try MethodsDriver.run(method, answers: [Self.password])
      Self.expectUp(outcome)
      #expect(outcome.requests.map(\.prompt) == ["(\(bed["SSH_USER"])@127.0.0.1) Password:"])
    }
  }

  @Suite(.serialized, .enabled(if: bed.has("SUDO"), "\(bed.reason("SUDO"))"))
  struct `sudo` {
    private static func run(
      as user: String, _ password: Secret? = nil, username: String? = nil, isInteractive: Bool = false,
      answers: [Secret?] = []
    ) throws -> MethodsDriver.Outcome {
      try MethodsDriver.run(
        SudoConnection(username: username, password: password, isInteractive: isInteractive), wrapper: bed.as(user),
        answers: answers)
    }

    @Test(arguments: [
      ("SUDO_NOPASSWD_USER", ""), ("SUDO_PASSWORD_USER", "SUDO_PASSWORD"), ("SUDO_REQUIRETTY_USER", ""),
      ("SUDO_LECTURE_USER", "SUDO_LECTURE_PASSWORD"),
    ])
    func `Who may, gets in`(_ user: String, _ password: String) throws {
      let outcome = try Self.run(as: user, password.isEmpty ? nil : Secret(bed[password]))
      #expect(outcome.isUp && outcome.failure == nil && outcome.reply == "got hello there", "\(outcome)")
    }

    @Test func `No password is an error`() throws {
      #expect(try Self.run(as: "SUDO_PASSWORD_USER").failure == .password("sudo password is required"))
    }

    @Test func `A wrong password is an error after one try`() throws {
      let outcome = try Self.run(as: "SUDO_PASSWORD_USER", "wrong")
      #expect(outcome.failure == .password("sudo password is incorrect"), "\(outcome)")
    }

    @Test func `Whoever is asked may try again`() throws {
      let outcome = try Self.run(
        as: "SUDO_PASSWORD_USER", isInteractive: true, answers: ["wrong", Secret(bed["SUDO_PASSWORD"])])
      #expect(outcome.isUp && outcome.requests.map(\.attempt) == [1, 2], "\(outcome)")
    }

    @Test func `Who may not ends with what sudo says`() throws {
      let outcome = try Self.run(as: "SUDO_DENIED_USER", Secret(bed["SUDO_DENIED_PASSWORD"]))
      #expect(outcome.status == .exited(code: 1))
      #expect(outcome.log.last == "\(bed["SUDO_DENIED_USER"]) is not in the sudoers file.")
      let unknown = try Self.run(as: "SUDO_NOPASSWD_USER", username: "amt-nobody-at-all")
      #expect(unknown.log.first == "sudo: unknown user amt-nobody-at-all")
    }
  }

  @Suite(.serialized, .enabled(if: bed.has("SU"), "\(bed.reason("SU"))"))
  struct `su` {
    private static func run(_ password: Secret?, username: String = bed["SU_TARGET_USER"]) throws
      -> MethodsDriver.Outcome
    {
      try MethodsDriver.run(
        SuConnection(username: username, password: password), wrapper: bed.as("SU_FROM_USER"))
    }

    @Test func `The right password gets in`() throws {
      let outcome = try Self.run(Secret(bed["SU_TARGET_PASSWORD"]))
      #expect(outcome.isUp && outcome.failure == nil && outcome.reply == "got hello there", "\(outcome)")
    }

    @Test func `No password and a wrong one are errors`() throws {
      #expect(try Self.run(nil).failure == .password("su password is required"))
      #expect(try Self.run("wrong").failure == .password("su password is incorrect"))
    }

    @Test func `An unknown account ends with what su says`() throws {
      let outcome = try Self.run("x", username: "amt-nobody-at-all")
      #expect(outcome.status == .exited(code: 1))
      #expect(outcome.log.first?.hasPrefix("su: user amt-nobody-at-all does not exist") == true)
    }
  }

  @Suite(.serialized, .enabled(if: bed.has("DOAS"), "\(bed.reason("DOAS"))"))
  struct `doas` {
    private static func run(as user: String, _ password: Secret? = nil) throws -> MethodsDriver.Outcome {
      try MethodsDriver.run(DoasConnection(password: password), wrapper: bed.as(user))
    }

    @Test(arguments: [("DOAS_NOPASS_USER", ""), ("DOAS_PASSWORD_USER", "DOAS_PASSWORD")])
    func `Who may, gets in`(_ user: String, _ password: String) throws {
      let outcome = try Self.run(as: user, password.isEmpty ? nil : Secret(bed[password]))
      #expect(outcome.isUp && outcome.failure == nil && outcome.reply == "got hello there", "\(outcome)")
    }

    @Test func `No password and a wrong one are errors`() throws {
      #expect(try Self.run(as: "DOAS_PASSWORD_USER").failure == .password("doas password is required"))
      #expect(try Self.run(as: "DOAS_PASSWORD_USER", "wrong").failure == .password("doas password is incorrect"))
    }

    @Test func `Who may not ends with what doas says`() throws {
      let outcome = try Self.run(as: "DOAS_DENIED_USER", "x")
      #expect(outcome.status == .exited(code: 1) && outcome.failure == nil)
      #expect(outcome.log == ["doas: Operation not permitted"])
    }
  }

  private static func expectUp(_ method: any CommandConnection, environment: [String: String] = [:]) throws {
    let outcome = try MethodsDriver.run(method, environment: environment)
    #expect(outcome.isUp && outcome.reply == "got hello there" && outcome.status == .exited(code: 0), "\(outcome)")
  }

  @Test(.enabled(if: bed.has("DOCKER"), "\(bed.reason("DOCKER"))"))
  func `docker gets into a container, and says if there is none`() throws {
    let environment = ["DOCKER_HOST": bed["DOCKER_HOST"]]
    try Self.expectUp(
      DockerConnection(container: bed["DOCKER_CONTAINER"], dockerPath: bed["DOCKER"]), environment: environment)
    try Self.expectUp(
      DockerConnection(container: bed["DOCKER_CONTAINER"], username: "amt", dockerPath: bed["DOCKER"]),
      environment: environment)
    let none = try MethodsDriver.run(
      DockerConnection(container: "amt-none", dockerPath: bed["DOCKER"]), environment: environment)
    #expect(none.status == .exited(code: 1) && none.log.joined().contains("No such container: amt-none"), "\(none)")
  }

  @Test(.enabled(if: bed.has("DOCKER"), "\(bed.reason("DOCKER"))"))
  func `docker runs an image`() throws {
    let environment = ["DOCKER_HOST": bed["DOCKER_HOST"]]
    let images = try ShellCommand(
      "DOCKER_HOST=\(bed["DOCKER_HOST"]) \(bed["DOCKER"]) inspect --format '{{.Config.Image}}' \(bed["DOCKER_CONTAINER"])"
    )
    let image = String(images.output.split(separator: "\n").last ?? "")
    try Self.expectUp(DockerConnection(image: image, dockerPath: bed["DOCKER"]), environment: environment)
  }

  @Test(.enabled(if: bed.has("PODMAN"), "\(bed.reason("PODMAN"))"))
  func `podman gets into a container, and says if there is none`() throws {
    try Self.expectUp(PodmanConnection(container: bed["PODMAN_CONTAINER"], podmanPath: bed["PODMAN"]))
    try Self.expectUp(
      PodmanConnection(container: bed["PODMAN_CONTAINER"], username: "amt", podmanPath: bed["PODMAN"]))
    let none = try MethodsDriver.run(PodmanConnection(container: "amt-none", podmanPath: bed["PODMAN"]))
    #expect(none.status == .exited(code: 125) && none.log.joined().contains("no such container"), "\(none)")
  }

  @Test(.enabled(if: bed.has("LXC"), "\(bed.reason("LXC"))"))
  func `lxc-attach gets into a container, and says if there is none`() throws {
    try Self.expectUp(LXCConnection(container: bed["LXC_CONTAINER"], lxcAttachPath: bed["LXC_ATTACH"]))
    let none = try MethodsDriver.run(LXCConnection(container: "amt-none", lxcAttachPath: bed["LXC_ATTACH"]))
    #expect(none.status == .exited(code: 1) && none.log.joined().contains("amt-none"), "\(none)")
  }

  @Test(.enabled(if: bed.has("LXD"), "\(bed.reason("LXD"))"))
  func `LXD's client gets into a container, and says if there is none`() throws {
    let environment = ["LXD_DIR": bed["LXD_DIR"]]
    try Self.expectUp(LXDConnection(container: bed["LXD_CONTAINER"], lxcPath: bed["LXD"]), environment: environment)
    let none = try MethodsDriver.run(
      LXDConnection(container: "amt-none", lxcPath: bed["LXD"]), environment: environment)
    #expect(none.status == .exited(code: 1) && none.log.joined().contains("not found"), "\(none)")
  }

  @Test(.enabled(if: bed.has("KUBECTL"), "\(bed.reason("KUBECTL"))"))
  func `kubectl gets into a pod, and says if there is none`() throws {
    let environment = ["KUBECONFIG": bed["KUBECONFIG"]]
    try Self.expectUp(
      KubectlConnection(pod: bed["KUBECTL_POD"], kubectlPath: bed["KUBECTL"]), environment: environment)
    let none = try MethodsDriver.run(
      KubectlConnection(pod: "amt-none", kubectlPath: bed["KUBECTL"]), environment: environment)
    #expect(none.status == .exited(code: 1) && none.log.joined().contains("not found"), "\(none)")
  }
}
