/// A context in a container of LXD, by its client lxc. Mitogen's `lxd`.
public struct LXDConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "lxd"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the container.
  public var container: String
  /// lxc itself: a path, or a name that is looked for in PATH.
  public var lxcPath: String

  enum CodingKeys: String, CodingKey {
    case options, container
    case lxcPath = "lxc_path"
  }

  /// Makes the method.
  public init(
    container: String, lxcPath: String = "lxc", options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.lxcPath = lxcPath
    self.options = options
  }

  /// `lxd.name`.
  public var defaultName: String { "lxd.\(container)" }

  /// What is known of its silence.
  public var endHint: String? { EndHint.lxc }

  /// A container of this machine.
  public var reach: ConnectionReach { .machine }

  /// `lxc exec --mode=noninteractive container -- word word …`
  public func commandLine(boot: [String]) throws -> [String] {
    [lxcPath, "exec", "--mode=noninteractive", container, "--"] + boot
  }
}
