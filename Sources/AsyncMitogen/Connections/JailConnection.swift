/// A context in a jail of FreeBSD, by jexec. Mitogen's `jail`.
public struct JailConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "jail"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the jail.
  public var container: String
  /// The account in it; its own default if nil.
  public var username: String?
  /// jexec itself: a path, or a name that is looked for in PATH.
  public var jexecPath: String

  enum CodingKeys: String, CodingKey {
    case options, container, username
    case jexecPath = "jexec_path"
  }

  /// Makes the method.
  public init(
    container: String, username: String? = nil, jexecPath: String = "/usr/sbin/jexec",
    options: ConnectionOptions = .init()
  ) {
    self.container = container
    self.username = username
    self.jexecPath = jexecPath
    self.options = options
  }

  /// `jail.name`.
  public var defaultName: String { "jail.\(container)" }

  /// A jail of this machine.
  public var reach: ConnectionReach { .machine }

  /// `jexec [-U name] jail word word …`
  public func commandLine(boot: [String]) throws -> [String] {
    [jexecPath] + (username.map { ["-U", $0] } ?? []) + [container] + boot
  }
}
