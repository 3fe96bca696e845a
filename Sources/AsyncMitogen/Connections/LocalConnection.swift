internal import CAsyncMitogen
internal import Glibc

/// A process on the same machine, of the same program. Mitogen's `local`.
public struct LocalConnection: ConnectionMethod {
  /// Mitogen's name of it.
  public static let methodName = "local"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The program to start in place of this one; it must link AsyncMitogen.
  public var path: String?

  /// Makes the method.
  public init(options: ConnectionOptions = .init(), path: String? = nil) {
    self.options = options
    self.path = path
  }

  /// This program, marked as a child.
  public func launchPlan() throws -> LaunchPlan {
    let name = try options.checkedRemoteName
    return LaunchPlan(
      path: path ?? "/proc/self/exe", arguments: [AMT_CHILD_MARKER + (name ?? LocalConnection.defaultName)],
      environment: [AMT_CHILD_VARIABLE: "1"])
  }

  /// Its name if it was given one; otherwise the process identifier tells one from another.
  public func contextName(processID: Int32) -> String { options.name ?? "local.\(processID)" }

  /// What children are called in process listings.
  static var defaultName: String {
    DefaultRemoteName.make(user: HostFacts.userName, host: HostFacts.hostName, pid: getpid())
  }
}

extension Router {
  /// Starts a process of this program, or of Python, on the same machine. Mitogen's `local`.
  ///
  /// - Parameters:
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - python: The Python interpreter to start in place of this program; nil for this program.
  ///   - via: The context that starts it, on its own machine; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func local(
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30),
    profiling: Bool = false, unidirectional: Bool? = nil, python: PythonProgram? = nil, via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, python: python)
    return try await connect(LocalConnection(options: options), via: via)
  }
}

/// What this process knows of its host and user without asking anybody.
enum HostFacts {
  static var hostName: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// From the environment: a name service may need what a static program lacks.
  static var userName: String {
    for name in ["USER", "LOGNAME"] {
      if let value = unsafe getenv(name) { return unsafe String(cString: value) }
    }
    return geteuid() == 0 ? "root" : "\(geteuid())"
  }

  /// This process's environment, as `NAME=value`.
  static var environment: [String] {
    var variables: [String] = []
    var next = unsafe environ
    while let entry = unsafe next.pointee {
      unsafe variables.append(String(cString: entry))
      unsafe next += 1
    }
    return variables
  }
}
