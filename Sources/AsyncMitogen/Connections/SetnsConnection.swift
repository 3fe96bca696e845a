/// A context in a container of this machine, by entering its namespaces: no program of its manager runs in between.
/// Mitogen's `setns`.
public struct SetnsConnection: ConnectionMethod {
  /// Mitogen's name of it.
  public static let methodName = "setns"

  /// What manages the container.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    case docker, lxc, lxd, machinectl
  }

  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the container.
  public var container: String
  /// What manages it.
  public var kind: Kind
  /// The account in it.
  public var username: String
  /// docker: a path, or a name that is looked for in PATH.
  public var dockerPath: String
  /// LXD's client.
  public var lxcPath: String
  /// LXC's program that tells about containers.
  public var lxcInfoPath: String
  /// systemd's program for containers.
  public var machinectlPath: String

  enum CodingKeys: String, CodingKey {
    case options, container, kind, username
    case dockerPath = "docker_path"
    case lxcPath = "lxc_path"
    case lxcInfoPath = "lxc_info_path"
    case machinectlPath = "machinectl_path"
  }

  /// Makes the method.
  public init(
    container: String, kind: Kind, username: String = "root", dockerPath: String = "docker", lxcPath: String = "lxc",
    lxcInfoPath: String = "lxc-info", machinectlPath: String = "machinectl", options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.kind = kind
    self.username = username
    self.dockerPath = dockerPath
    self.lxcPath = lxcPath
    self.lxcInfoPath = lxcInfoPath
    self.machinectlPath = machinectlPath
    self.options = options
  }

  /// The name in the options, or `setns.container`.
  public func contextName(processID: Int32) -> String { options.name ?? "setns.\(container)" }

  /// Always fails: the container's first process has to be found first, and then there is a first stage to run.
  public func launchPlan() throws -> LaunchPlan {
    throw ConnectionError.failed("setns.\(container)", "setns needs a first stage to run")
  }

  /// What tells the container's first process.
  var leaderLookup: LeaderLookup {
    switch kind {
    case .docker:
      LeaderLookup(
        program: "docker", words: [dockerPath, "inspect", "--format={{.State.Pid}}", container], label: nil)
    case .lxc: LeaderLookup(program: "lxc-info", words: [lxcInfoPath, "-n", container], label: "PID:")
    case .lxd: LeaderLookup(program: "lxc", words: [lxcPath, "info", container], label: "Pid:")
    case .machinectl:
      LeaderLookup(program: "machinectl", words: [machinectlPath, "status", container], label: "Leader:")
    }
  }

  /// What starts `boot` beside the container's first process.
  func launchPlan(boot: [String], leader: Int32) -> LaunchPlan {
    NamespaceEntry(leader: leader, username: username).launchPlan(boot: boot)
  }
}
