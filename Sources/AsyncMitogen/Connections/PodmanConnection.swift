/// A context in a container, by podman. Mitogen's `podman`.
public struct PodmanConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "podman"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the container.
  public var container: String
  /// The account in it; its own default if nil.
  public var username: String?
  /// podman itself: a path, or a name that is looked for in PATH.
  public var podmanPath: String

  enum CodingKeys: String, CodingKey {
    case options, container, username
    case podmanPath = "podman_path"
  }

  /// Makes the method.
  public init(
    container: String, username: String? = nil, podmanPath: String = "podman", options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.username = username
    self.podmanPath = podmanPath
    self.options = options
  }

  /// `podman.name`.
  public var defaultName: String { "podman.\(container)" }

  /// `podman exec [--user=name] --interactive -- container word word …`
  public func commandLine(boot: [String]) throws -> [String] {
    ContainerCommand.line(
      podmanPath, "exec", user: username, options: ["--interactive"], in: container, boot: boot)
  }
}
