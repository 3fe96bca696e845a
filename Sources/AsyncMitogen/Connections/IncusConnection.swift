/// A context in a container of Incus. Mitogen's `incus`.
public struct IncusConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "incus"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the container.
  public var container: String
  /// incus itself: a path, or a name that is looked for in PATH.
  public var incusPath: String

  enum CodingKeys: String, CodingKey {
    case options, container
    case incusPath = "incus_path"
  }

  /// Makes the method.
  public init(
    container: String, incusPath: String = "incus", options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.incusPath = incusPath
    self.options = options
  }

  /// `incus.name`.
  public var defaultName: String { "incus.\(container)" }

  /// What is known of its silence.
  public var endHint: String? { EndHint.incus }

  /// `incus exec --mode=non-interactive container -- word word …`
  public func commandLine(boot: [String]) throws -> [String] {
    [incusPath, "exec", "--mode=non-interactive", container, "--"] + boot
  }
}
