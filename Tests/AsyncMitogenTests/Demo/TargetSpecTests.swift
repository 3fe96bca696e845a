import AsyncMitogen
import Testing

@testable import AsyncMitogenDemo

@Suite struct `Specs of targets` {
  private static func methods(_ text: String) throws -> [any ConnectionMethod] {
    try TargetSpec(parsing: text).hops.map { try $0.connectionMethod(timeout: nil) }
  }

  private static func method<Method: ConnectionMethod>(_ text: String, as type: Method.Type) throws -> Method {
    try #require(try methods(text).last as? Method)
  }

  @Test func `A path of hops`() throws {
    let spec = try TargetSpec(parsing: "ssh:k3/sudo:root/docker:web")
    #expect(spec.hops.map(\.method) == [.ssh, .sudo, .docker])
    #expect(spec.label == "ssh:k3/sudo:root/docker:web")
  }

  @Test func `Everything that ssh takes`() throws {
    let ssh = try Self.method(
      "ssh:me@k3:2222?identity_file=~/.ssh/id&check_host_keys=ignore&compression=true&keepalive_interval=5"
        + "&ssh_args=-o&ssh_args=A%20B&identity_passphrase=p&connect_timeout=2.5", as: SSHConnection.self)
    #expect(ssh.hostname == "k3" && ssh.username == "me" && ssh.port == 2222)
    #expect(ssh.identityFile == "~/.ssh/id" && ssh.checkHostKeys == .ignore && ssh.compression)
    #expect(ssh.keepaliveInterval == 5 && ssh.sshArguments == ["-o", "A B"])
    #expect(ssh.identityPassphrase?.reveal() == "p" && ssh.options.connectTimeout == .seconds(2.5))
  }

  @Test(
    arguments: [
      ("ssh:[2001:db8::1]", "2001:db8::1", nil, nil), ("ssh:me@[::1]:22", "::1", "me", 22),
      ("ssh:[fe80::1%25eth0]:1", "fe80::1%eth0", nil, 1), ("ssh:a%40b@h", "h", "a@b", nil),
      ("ssh?hostname=h&port=7", "h", nil, 7),
    ] as [(String, String, String?, Int?)])
  func `Hosts`(_ text: String, _ host: String, _ user: String?, _ port: Int?) throws {
    let ssh = try Self.method(text, as: SSHConnection.self)
    #expect(ssh.hostname == host && ssh.username == user && ssh.port == port)
  }

  @Test func `Other users`() throws {
    #expect(try Self.method("sudo", as: SudoConnection.self).username == nil)
    #expect(try Self.method("sudo:", as: SudoConnection.self).username == nil)
    #expect(try Self.method("sudo:web?preserve_env=true", as: SudoConnection.self).preserveEnvironment == true)
    #expect(try Self.method("su:web?password=a%2Fb%26c", as: SuConnection.self).password?.reveal() == "a/b&c")
    #expect(try Self.method("doas:web", as: DoasConnection.self).username == "web")
  }

  @Test func `Containers`() throws {
    let docker = try Self.method("docker:me@web?docker_path=/usr/bin/docker", as: DockerConnection.self)
    #expect(docker.container == "web" && docker.username == "me" && docker.dockerPath == "/usr/bin/docker")
    #expect(try Self.method("docker:?image=debian:12", as: DockerConnection.self).image == "debian:12")
    let setns = try Self.method("setns:machinectl=me@web", as: SetnsConnection.self)
    #expect(setns.kind == .machinectl && setns.container == "web" && setns.username == "me")
    #expect(try Self.method("kubectl:p?kubectl_args=-n&kubectl_args=x", as: KubectlConnection.self).pod == "p")
    for text in ["podman:a", "buildah:a", "lxc:a", "lxd:a", "incus:a", "jail:a"] {
      #expect(try TargetSpec(parsing: text).label == text)
    }
  }

  @Test(arguments: [
    ("ssh:h?identity_file=/usr/local/key/sudo:root", ["ssh", "sudo"]),
    ("ssh:h?identity_file=~/id/sudo?login=true", ["ssh", "sudo"]),
    ("ssh:h?ssh_path=/usr/local/bin/ssh/docker:web", ["ssh", "docker"]),
    ("ssh:h?compression=true/sudo", ["ssh", "sudo"]), ("sudo?sudo_path=/usr/bin/sudo", ["sudo"]),
    ("ssh:h?identity_file=~%2Fsudo", ["ssh"]), ("local/local/local", ["local", "local", "local"]),
  ])
  func `Slashes in paths`(_ text: String, _ methods: [String]) throws {
    #expect(try TargetSpec(parsing: text).hops.map(\.method.rawValue) == methods)
  }

  @Test func `A time-out is that of the options before that of the program`() throws {
    let hops = try TargetSpec(parsing: "local/local?connect_timeout=3").hops
    let timeouts = try hops.map { try $0.connectionMethod(timeout: .seconds(9)).options.connectTimeout }
    #expect(timeouts == [.seconds(9), .seconds(3)])
  }
}

@Suite struct `Specs that make no sense` {
  @Test(arguments: [
    ("", "target '': it is empty"),
    ("/", "target '/': hop 1 '': it is empty"),
    ("local/", "target 'local/': hop 2 '': it is empty"),
    ("local//local", "hop 2 '': it is empty"),
    ("lokal", "there is no method 'lokal', only local, fork, ssh, sudo, su, doas, docker, podman, buildah, kubectl"),
    ("LOCAL", "there is no method 'LOCAL'"),
    ("local:x", "it takes no argument; it is written local"),
    ("ssh", "there is no hostname; it is written ssh:[USER@]HOST[:PORT]"),
    ("ssh:", "there is no hostname"),
    ("ssh:@k3", "the user is empty"),
    ("ssh:me@", "the host is empty"),
    ("ssh:-oProxyCommand=x", "'=' does not belong into a host"),
    ("ssh:-l", "a host cannot begin with '-'"),
    ("ssh?hostname=-l", "a hostname cannot begin with '-'"),
    ("ssh:k3:", "'' is not a port"),
    ("ssh:k3:0", "'0' is not a port"),
    ("ssh:k3:65536", "'65536' is not a port"),
    ("ssh:k3?port=x", "'x' is not a port"),
    ("ssh:::1", "an IPv6 address stands in brackets"),
    ("ssh:[::1", "there is no ']'"),
    ("ssh:[k3]", "is not an IPv6 address"),
    ("ssh:[::1]22", "'22' behind ']' is not a port"),
    ("ssh:k3?", "behind '?' stand options"),
    ("ssh:k3?compression", "behind '?' stand options"),
    ("ssh:k3?=true", "behind '?' stand options"),
    ("ssh:k3?compression=true&", "behind '?' stand options"),
    ("ssh:k3?compression=maybe", "compression: 'maybe' is not true or false"),
    ("ssh:k3?check_host_keys=no", "check_host_keys: 'no' is not enforce, accept, ignore"),
    ("ssh:k3?keepalive_count=-1", "keepalive_count: '-1' is not a number"),
    ("ssh:k3?connect_timeout=0", "connect_timeout: '0' is not a number of seconds above 0"),
    ("ssh:k3?compression=true&compression=true", "compression is given twice"),
    ("ssh:me@k3?username=me", "username is given twice"),
    ("ssh:k3?nothing=1", "ssh has no option 'nothing' (there are check_host_keys, compression"),
    ("ssh:k3?identity_file=%2", "identity_file: '%' needs two digits"),
    ("ssh:k3?identity_file=%zz", "identity_file: '%' needs two digits"),
    ("ssh:k3?identity_file=%ff", "identity_file: what is behind a '%' is not text"),
    ("ssh:k3?identity_file=%00", "identity_file: what is behind a '%' is not text"),
    ("ssh:k3?identity_file=~/id/sudo", "is 'sudo' the end of identity_file, or a hop?"),
    ("sudo:a:b", "':' does not belong into a user"),
    ("sudo?username=-u", "a user cannot begin with '-'"),
    ("docker", "there is neither a container nor an image; it is written docker:[USER@]NAME"),
    ("docker:web?image=x", "a container or an image, not both"),
    ("docker:--privileged", "a name cannot begin with '-'"),
    ("kubectl:me@pod", "'@' does not belong into a name"),
    ("setns:web", "there is no '=' between kind and name; it is written setns:KIND=[USER@]NAME"),
    ("setns:vm=web", "kind: 'vm' is none of docker, podman, lxc, lxd, machinectl, pid"),
    ("ssh:k3/x\u{1B}[2J", "hop 2 'x\u{FFFD}[2J': there is no method"),
  ])
  func `Are refused on one line`(_ text: String, _ message: String) {
    let error = #expect(throws: TargetSpecError.self) { try TargetSpec(parsing: text) }
    let description = error?.description ?? ""
    #expect(description.hasPrefix("target '") && description.contains(message), "\(description)")
    #expect(!description.contains("\n"))
  }

  @Test(arguments: [
    "ssh:k3?password=hunter2", "ssh:k3?password=hunter2/", "ssh:k3?password=x/hunter2", "ssh:k3?password=x/y/hunter2",
    "ssh:k3?password=x&hunter2", "ssh:k3?passwort=hunter2", "ssh:k3?pass%77ord=hunter2", "ssh:me:hunter2@k3",
    "ssh:k3?identity_passphrase=hunter2", "sudo?password=%hunter2", "lokal?password=hunter2", "su?password=x/hunter2:y",
    "ssh:k3?password=hunter2/sudo:root?password=hunter2",
  ])
  func `Passwords are not shown`(_ text: String) {
    do {
      let spec = try TargetSpec(parsing: text)
      var dumped = ""
      dump(spec, to: &dumped)
      dump(spec.hops, to: &dumped)
      #expect(!"\(spec) \(spec.hops) \(spec.label) \(dumped)".contains("hunter2"))
    } catch {
      #expect(!error.description.contains("hunter2"), "\(error)")
    }
  }

  @Test func `What is typed is shown, but for passwords`() throws {
    let text = "ssh:k3?identity_file=~/.ssh/id&password=x&port=22/su"
    #expect(try TargetSpec(parsing: text).description == "ssh:k3?identity_file=~/.ssh/id&password=***&port=22/su")
  }
}
