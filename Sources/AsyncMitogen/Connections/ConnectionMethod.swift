/// A way to start a context, with its options.
///
/// It is sent to the context that is to start it, so it is `Codable`; its coding keys are Mitogen's option names.
public protocol ConnectionMethod: Codable, Sendable {
  /// What Mitogen calls the method: `local`, `ssh`, …
  static var methodName: String { get }
  /// The options that all methods have.
  var options: ConnectionOptions { get set }
  /// The program to start, and how.
  func launchPlan() throws -> LaunchPlan
  /// What the context is called by the one that starts it.
  func contextName(processID: Int32) -> String
}

/// What all connection methods let choose.
public struct ConnectionOptions: Codable, Sendable, Hashable {
  /// What the context is called by the one that starts it; what the method makes of its options if nil.
  public var name: String?
  /// How the new process is called in process listings; `user@host:pid` of the parent if nil. May hold no slash.
  public var remoteName: String?
  /// Whether the new context, and all below it, log everything.
  public var debug: Bool
  /// Whether it reports where it spent its time.
  public var profiling: Bool
  /// Whether contexts below it may only talk to their parents; as the router's if nil.
  public var unidirectional: Bool?
  /// How long it may take from the start of its process until it is up; 30 s by default.
  public var connectTimeout: Duration
  /// After how long without anything to do the context ends by itself; as the router's configuration says if nil.
  ///
  /// It has something to do while it runs a call or a service method, while it has contexts of its own, and with each
  /// message that comes or goes, other than those that only say that a side is there. Tasks of the program that run
  /// between calls do not count. Those who wait for it get an error as for any context that is gone.
  public var idleTimeout: Duration?
  /// How long the context may live, from when it is up; without a limit if nil. It ends then, whatever it does, as if it had
  /// been told to: its calls are cancelled.
  public var lifetime: Duration?
  /// The program to send to another machine; the one of the context that starts it if nil. Local contexts run what is
  /// there.
  public var image: ProgramImage?
  /// Where the program is kept over there; as the router's configuration says if nil.
  public var cache: ImageCache?

  /// The Python interpreter to start in place of this program; nil for this program. Mitogen's `python_path`.
  public var python: PythonProgram?

  enum CodingKeys: String, CodingKey {
    case name
    case remoteName = "remote_name"
    case debug, profiling, unidirectional
    case connectTimeout = "connect_timeout"
    case image, cache
    case idleTimeout = "idle_timeout"
    case lifetime
    case python = "python_path"
  }

  /// Makes options.
  public init(
    name: String? = nil, remoteName: String? = nil, debug: Bool = false, profiling: Bool = false,
    unidirectional: Bool? = nil, connectTimeout: Duration = .seconds(30), image: ProgramImage? = nil,
    cache: ImageCache? = nil, idleTimeout: Duration? = nil, lifetime: Duration? = nil,
    python: PythonProgram? = nil
  ) {
    self.name = name
    self.remoteName = remoteName
    self.debug = debug
    self.profiling = profiling
    self.unidirectional = unidirectional
    self.connectTimeout = connectTimeout
    self.image = image
    self.cache = cache
    self.idleTimeout = idleTimeout
    self.lifetime = lifetime
    self.python = python
  }
}

/// A program that is to become a child.
public struct LaunchPlan: Sendable {
  /// Its path, or a name that is looked for in PATH.
  public var path: String
  /// Its arguments, its own name first.
  public var arguments: [String]
  /// What its environment has beside this process's.
  public var environment: [String: String]
  /// What it gets as its standard streams.
  public var streams = ChildStreams.errorPipe
  /// What may help if it ends before the context is up.
  public var endHint: String?
  /// How to answer what it asks.
  var login: LoginDialogue?

  /// Makes a plan.
  public init(path: String, arguments: [String], environment: [String: String] = [:]) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
  }
}
