import Testing

@testable import AsyncMitogen

@Suite struct `Command lines of connection methods` {
  private static let boot = ["sh", "-c", "echo 'a b'; exit", "x"]

  struct Case: Sendable, CustomTestStringConvertible {
    let method: any CommandConnection
    let words: [String]
    let name: String
    var testDescription: String { name }

    init(_ method: any CommandConnection, _ name: String, _ words: [String]) {
      self.method = method
      self.words = words
      self.name = name
    }
  }

  private static let quoted = ["sh", "-c", #"'echo '"'"'a b'"'"'; exit'"#, "x"]
  private static let quiet = ["-o", "LogLevel ERROR"]
  private static let alive = ["-o", "ServerAliveInterval 15", "-o", "ServerAliveCountMax 3"]
  private static let batch = ["-o", "BatchMode yes"]
  private static let strict = ["-o", "StrictHostKeyChecking yes"]

  static let ssh: [Case] = [
    Case(SSHConnection(hostname: "h"), "ssh.h", ["ssh"] + quiet + alive + batch + strict + ["h"] + quoted),
    Case(
      SSHConnection(hostname: "h", compression: true), "ssh.h",
      ["ssh"] + quiet + ["-o", "Compression yes"] + alive + batch + strict + ["h"] + quoted),
    Case(
      SSHConnection(
        hostname: "h", username: "u", port: 2222, sshArguments: ["-o", "X y"], checkHostKeys: .accept, password: "p",
        identityFile: "/k", keepaliveEnabled: false, debugLevel: 7), "ssh.h:2222",
      [
        "ssh", "-vvv", "-l", "u", "-p", "2222", "-o", "IdentitiesOnly yes", "-i", "/k", "-o",
        "StrictHostKeyChecking ask", "-o", "X y", "h",
      ] + quoted),
    Case(
      SSHConnection(hostname: "h", port: 22, sshPath: "/opt/ssh", checkHostKeys: .ignore, debugLevel: 1), "ssh.h",
      ["/opt/ssh", "-v", "-p", "22"] + alive + batch
        + [
          "-o", "StrictHostKeyChecking no", "-o", "UserKnownHostsFile /dev/null", "-o",
          "GlobalKnownHostsFile /dev/null", "h",
        ] + quoted),
    Case(
      SSHConnection(hostname: "h", password: "p", identitiesOnly: false, keepaliveInterval: 5, keepaliveCount: 2),
      "ssh.h",
      ["ssh"] + quiet + ["-o", "ServerAliveInterval 5", "-o", "ServerAliveCountMax 2"] + strict + ["h"] + quoted),
    Case(
      SSHConnection(hostname: "h", password: "p"), "ssh.h",
      ["ssh"] + quiet + ["-o", "IdentitiesOnly yes"] + alive + strict + ["h"] + quoted),
    Case(
      SSHConnection(hostname: "h", isInteractive: true), "ssh.h", ["ssh"] + quiet + alive + strict + ["h"] + quoted),
  ]

  static let become: [Case] = [
    Case(SudoConnection(), "sudo.root", ["sudo", "-p", "mitogen-sudo-prompt:", "-u", "root", "--"] + boot),
    Case(
      SudoConnection(
        username: "u", sudoPath: "/s", preserveEnvironment: true, setHome: true, login: true, selinuxRole: "serole",
        selinuxType: "setype"), "sudo.u",
      ["/s", "-p", "mitogen-sudo-prompt:", "-u", "u", "-E", "-H", "-i", "-r", "serole", "-t", "setype", "--"] + boot),
    Case(
      SudoConnection(selinuxRole: "serole", selinuxType: "setype"), "sudo.root",
      ["sudo", "-p", "mitogen-sudo-prompt:", "-u", "root", "-r", "serole", "-t", "setype", "--"] + boot),
    Case(
      SudoConnection(sudoArguments: ["--type", "setype", "--role", "serole", "--user", "user"]), "sudo.user",
      ["sudo", "-p", "mitogen-sudo-prompt:", "-u", "user", "-r", "serole", "-t", "setype", "--"] + boot),
    Case(
      SudoConnection(username: "me", preserveEnvironment: false, sudoArguments: ["-EHn", "-uother", "--ro=r", "-S"]),
      "sudo.me", ["sudo", "-p", "mitogen-sudo-prompt:", "-u", "me", "-H", "-r", "r", "--"] + boot),
    Case(SuConnection(), "su.root", ["su", "root", "-c", quoted.joined(separator: " ")]),
    Case(SuConnection(username: "u", suPath: "/su"), "su.u", ["/su", "u", "-c", quoted.joined(separator: " ")]),
    Case(DoasConnection(), "doas.root", ["doas", "-u", "root", "--"] + boot),
    Case(DoasConnection(username: "someuser", doasPath: "/d"), "doas.someuser", ["/d", "-u", "someuser", "--"] + boot),
  ]

  static let containers: [Case] = [
    Case(DockerConnection(container: "c"), "docker.c", ["docker", "exec", "--interactive", "c"] + boot),
    Case(
      DockerConnection(container: "c", username: "u", dockerPath: "/d"), "docker.c",
      ["/d", "exec", "--interactive", "--user=u", "c"] + boot),
    Case(
      DockerConnection(image: "i", username: "u"), "docker.i",
      ["docker", "run", "--interactive", "--user=u", "--rm", "i"] + boot),
    Case(DockerConnection(image: "i"), "docker.i", ["docker", "run", "--interactive", "--rm", "i"] + boot),
    Case(PodmanConnection(container: "c"), "podman.c", ["podman", "exec", "--interactive", "--", "c"] + boot),
    Case(
      PodmanConnection(container: "c", username: "some_user", podmanPath: "/p"), "podman.c",
      ["/p", "exec", "--user=some_user", "--interactive", "--", "c"] + boot),
    Case(BuildahConnection(container: "c"), "buildah.c", ["buildah", "run", "--", "c"] + boot),
    Case(
      BuildahConnection(container: "c", username: "u", buildahPath: "/b"), "buildah.c",
      ["/b", "run", "--user=u", "--", "c"] + boot),
    Case(JailConnection(container: "somejail"), "jail.somejail", ["/usr/sbin/jexec", "somejail"] + boot),
    Case(JailConnection(container: "j", username: "u", jexecPath: "/j"), "jail.j", ["/j", "-U", "u", "j"] + boot),
    Case(
      KubectlConnection(pod: "pod_name"), "kubectl.pod_name[]", ["kubectl", "exec", "-it", "pod_name", "--"] + boot),
    Case(
      KubectlConnection(pod: "p", kubectlPath: "/k", kubectlArguments: ["-n", "ns"]), "kubectl.p['-n', 'ns']",
      ["/k", "-n", "ns", "exec", "-it", "p", "--"] + boot),
    Case(LXCConnection(container: "c"), "lxc.c", ["lxc-attach", "--clear-env", "--name", "c", "--"] + boot),
    Case(LXDConnection(container: "c"), "lxd.c", ["lxc", "exec", "--mode=noninteractive", "c", "--"] + boot),
    Case(
      IncusConnection(container: "c", incusPath: "/i"), "incus.c",
      ["/i", "exec", "--mode=non-interactive", "c", "--"] + boot),
  ]

  @Test(arguments: ssh + become + containers)
  func `Words and names are as documented`(_ test: Case) throws {
    #expect(try test.method.commandLine(boot: Self.boot) == test.words)
    #expect(test.method.contextName(processID: 1) == test.name)
    let plan = try test.method.launchPlan(boot: Self.boot)
    #expect(plan.path == test.words[0])
    #expect(plan.arguments == test.words)
    #expect(plan.streams == test.method.streams)
  }

  @Test func `A name in the options has precedence`() {
    let method = SSHConnection(hostname: "h", options: .init(name: "n"))
    #expect(method.contextName(processID: 1) == "n")
  }

  @Test func `ssh has a terminal only if it may have to answer`() {
    #expect(SSHConnection(hostname: "h").streams == .errorPipe)
    #expect(SSHConnection(hostname: "h", checkHostKeys: .ignore).streams == .errorPipe)
    #expect(SSHConnection(hostname: "h", checkHostKeys: .accept).streams == .hybridTerminal)
    #expect(SSHConnection(hostname: "h", password: "p").streams == .hybridTerminal)
    #expect(SSHConnection(hostname: "h", identityPassphrase: "p").streams == .hybridTerminal)
    #expect(SSHConnection(hostname: "h", isInteractive: true).streams == .hybridTerminal)
    #expect(SudoConnection().streams == .hybridTerminal)
    #expect(DoasConnection().streams == .hybridTerminal)
    #expect(SuConnection().streams == .terminal)
    #expect(DockerConnection(container: "c").streams == .errorPipe)
  }

  @Test func `Two words of a shell pass ssh without quotes`() throws {
    let words = try SSHConnection(hostname: "h").commandLine(boot: ["source", "/a b", "&&", "sh"])
    #expect(words.suffix(4) == ["source", "'/a b'", "&&", "sh"])
  }

  @Test(arguments: ["", "-oProxyCommand=sh"]) func `What is no host name is refused`(_ hostname: String) {
    #expect(throws: StreamError.self) { try SSHConnection(hostname: hostname).commandLine(boot: []) }
  }

  @Test func `Hints are those of the programs that need one`() {
    #expect(LXCConnection(container: "c").endHint?.hasPrefix("Note: many versions of LXC do not report") == true)
    #expect(LXDConnection(container: "c").endHint == LXCConnection(container: "c").endHint)
    #expect(IncusConnection(container: "c").endHint?.contains("of Incus do") == true)
    #expect(DockerConnection(container: "c").endHint == nil)
  }

  @Test(arguments: [
    (["--foo"], "sudo: no such option: --foo"), (["ls"], "unsupported sudo arguments:['ls']"),
    (["-h"], "sudo: unsupported option"), (["-x"], "sudo: no such option: -x"),
    (["-u"], "sudo: -u option requires 1 argument"), (["--user"], "sudo: --user option requires 1 argument"),
    (["--login=x"], "sudo: --login option does not take a value"),
    (["-i", "--", "a b", "it's"], #"unsupported sudo arguments:['a b', "it's"]"#),
    (["--s"], "sudo: no such option: --s"),
  ])
  func `Arguments of sudo that are not known are refused`(_ arguments: [String], _ message: String) {
    let error = #expect(throws: StreamError.self) {
      try SudoConnection(sudoArguments: arguments).commandLine(boot: [])
    }
    #expect(error?.message == message)
  }
}
