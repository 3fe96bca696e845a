/// A context in a container, by docker: one that runs, or a new one that is removed afterwards. Mitogen's `docker`.
public struct DockerConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "docker"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of a container that runs.
  public let container: String?
  /// The name of an image to run.
  public let image: String?
  /// The account in it; its own default if nil.
  public var username: String?
  /// docker itself: a path, or a name that is looked for in PATH.
  public var dockerPath: String

  enum CodingKeys: String, CodingKey {
    case options, container, image, username
    case dockerPath = "docker_path"
  }

  /// Makes the method for a container that runs.
  public init(
    container: String, username: String? = nil, dockerPath: String = "docker", options: ConnectionOptions = .init()
  ) {
    self.container = container
    image = nil
    self.username = username
    self.dockerPath = dockerPath
    self.options = options
  }

  /// Makes the method for a new container.
  public init(
    image: String, username: String? = nil, dockerPath: String = "docker", options: ConnectionOptions = .init()
  ) {
    container = nil
    self.image = image
    self.username = username
    self.dockerPath = dockerPath
    self.options = options
  }

  /// `docker.name`.
  public var defaultName: String { "docker.\(container ?? image ?? "")" }

  /// `docker exec --interactive [--user=name] container word word …`, or `docker run … --rm image word word …`.
  public func commandLine(boot: [String]) throws -> [String] {
    let user = ContainerCommand.user(username)
    if let container { return [dockerPath, "exec", "--interactive"] + user + [container] + boot }
    // From another context may come anything.
    guard let image else { throw StreamError("docker: neither a container nor an image is given") }
    return [dockerPath, "run", "--interactive"] + user + ["--rm", image] + boot
  }
}
