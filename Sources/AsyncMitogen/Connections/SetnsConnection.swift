/// A context in a container of this machine, by entering its namespaces: no program of its manager runs in between, and
/// nothing has to be in the container, not even a file. Mitogen's `setns`.
///
/// This program goes on as the context, from a copy in memory that nobody can write to. Only if another image is asked
/// for, a shell of the container receives that.
public struct SetnsConnection: ConnectionMethod {
  /// Mitogen's name of it.
  public static let methodName = "setns"

  /// What manages the container.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    case docker, podman, lxc, lxd, machinectl
    /// Any process: the name is its number.
    case pid
  }

  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the container.
  public var container: String
  /// What manages it.
  public var kind: Kind
  /// The account in it, by the container's own files; root and numbers need none.
  public var username: String
  /// docker: a path, or a name that is looked for in PATH.
  public var dockerPath: String
  /// podman: a path, or a name that is looked for in PATH.
  public var podmanPath: String
  /// LXD's client.
  public var lxcPath: String
  /// LXC's program that tells about containers.
  public var lxcInfoPath: String
  /// systemd's program for containers.
  public var machinectlPath: String

  enum CodingKeys: String, CodingKey {
    case options, container, kind, username
    case dockerPath = "docker_path"
    case podmanPath = "podman_path"
    case lxcPath = "lxc_path"
    case lxcInfoPath = "lxc_info_path"
    case machinectlPath = "machinectl_path"
  }

  /// Makes the method.
  public init(
    container: String, kind: Kind, username: String = "root", dockerPath: String = "docker",
    podmanPath: String = "podman", lxcPath: String = "lxc", lxcInfoPath: String = "lxc-info",
    machinectlPath: String = "machinectl", options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.kind = kind
    self.username = username
    self.dockerPath = dockerPath
    self.podmanPath = podmanPath
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

  /// What tells the container's first process; nil if nobody has to be asked.
  var leaderLookup: LeaderLookup? {
    switch kind {
    case .docker:
      LeaderLookup(
        program: "docker", words: [dockerPath, "inspect", "--format={{.State.Pid}}", container], label: nil)
    case .podman:
      LeaderLookup(
        program: "podman", words: [podmanPath, "inspect", "--format={{.State.Pid}}", container], label: nil)
    case .pid: nil
    case .lxc: LeaderLookup(program: "lxc-info", words: [lxcInfoPath, "-n", container], label: "PID:")
    case .lxd: LeaderLookup(program: "lxc", words: [lxcPath, "info", container], label: "Pid:")
    case .machinectl:
      LeaderLookup(program: "machinectl", words: [machinectlPath, "status", container], label: "Leader:")
    }
  }

  /// The process that a name is the number of.
  var leaderNumber: Int32 {
    get throws {
      guard let number = Int32(container), number > 0 else {
        throw ConnectionError.failed(contextName(processID: 0), "'\(container)' is no number of a process")
      }
      return number
    }
  }

  /// What starts `boot` beside the container's first process.
  func launchPlan(boot: [String], leader: Int32) -> LaunchPlan {
    NamespaceEntry(leader: leader, username: username).launchPlan(boot: boot)
  }
}
