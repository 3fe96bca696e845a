/// A context in a container that is being built, by buildah. Mitogen's `buildah`.
public struct BuildahConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "buildah"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the container.
  public var container: String
  /// The account in it; its own default if nil.
  public var username: String?
  /// buildah itself: a path, or a name that is looked for in PATH.
  public var buildahPath: String

  enum CodingKeys: String, CodingKey {
    case options, container, username
    case buildahPath = "buildah_path"
  }

  /// Makes the method.
  public init(
    container: String, username: String? = nil, buildahPath: String = "buildah", options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.username = username
    self.buildahPath = buildahPath
    self.options = options
  }

  /// `buildah.name`.
  public var defaultName: String { "buildah.\(container)" }

  /// `buildah run [--user=name] -- container word word …`
  public func commandLine(boot: [String]) throws -> [String] {
    ContainerCommand.line(buildahPath, "run", user: username, in: container, boot: boot)
  }
}
