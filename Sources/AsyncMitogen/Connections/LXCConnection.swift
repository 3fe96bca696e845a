/// A context in a container of LXC, by lxc-attach. Mitogen's `lxc`.
public struct LXCConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "lxc"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the container.
  public var container: String
  /// lxc-attach itself: a path, or a name that is looked for in PATH.
  public var lxcAttachPath: String

  enum CodingKeys: String, CodingKey {
    case options, container
    case lxcAttachPath = "lxc_attach_path"
  }

  /// Makes the method.
  public init(
    container: String, lxcAttachPath: String = "lxc-attach", options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.lxcAttachPath = lxcAttachPath
    self.options = options
  }

  /// `lxc.name`.
  public var defaultName: String { "lxc.\(container)" }

  /// What is known of its silence.
  public var endHint: String? { EndHint.lxc }

  /// A container of this machine.
  public var reach: ConnectionReach { .machine }

  /// `lxc-attach --clear-env --name container -- word word …`
  public func commandLine(boot: [String]) throws -> [String] {
    [lxcAttachPath, "--clear-env", "--name", container, "--"] + boot
  }
}
