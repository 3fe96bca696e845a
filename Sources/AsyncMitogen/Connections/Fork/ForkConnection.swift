/// A process on the same machine that is forked from a process of this program. Mitogen's `fork`.
///
/// A process with threads cannot be forked soundly, so there is one without, the fork server of the router: every fork is a
/// copy of it, which begins with what ``Router/prepareForks(_:)`` has made there.
public struct ForkConnection: ConnectionMethod {
  /// Mitogen's name of it.
  public static let methodName = "fork"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// What the process does first.
  let onFork: ForkHook?
  /// A call of the new context, before it is anybody else's.
  let onStart: [UInt8]?

  enum CodingKeys: String, CodingKey {
    case options
    case onFork = "on_fork"
    case onStart = "on_start"
  }

  /// Makes the method.
  public init(options: ConnectionOptions = .init()) {
    self.options = options
    onFork = nil
    onStart = nil
  }

  /// Makes the method, with functions that capture nothing.
  ///
  /// - Parameters:
  ///   - onFork: What the process does before it becomes a context.
  ///   - onStart: What is called in the context before it is anybody else's.
  /// - Throws: ``UnsupportedFunctionError`` if a function captures something.
  public init(
    options: ConnectionOptions = .init(), onFork: (@Sendable () throws -> Void)?,
    onStart: (@Sendable @concurrent () async throws -> Void)?
  ) throws {
    self.options = options
    self.onFork = try ForkConnection.hook(onFork)
    if let onStart {
      self.onStart = try CallRequest.closure(StartInvocation(function: onStart), chain: nil)
    } else {
      self.onStart = nil
    }
  }

  /// As the other one, with a function that is known by name, which can have arguments.
  public init(
    options: ConnectionOptions = .init(), onFork: (@Sendable () throws -> Void)?, onStart: some RemoteFunction
  ) throws {
    self.options = options
    self.onFork = try ForkConnection.hook(onFork)
    self.onStart = try CallRequest.function(onStart, chain: nil)
  }

  // By no `map`: what is generic would wrap the function in one that captures it.
  private static func hook(_ function: (@Sendable () throws -> Void)?) throws -> ForkHook? {
    guard let function else { return nil }
    return try ForkHook(function)
  }

  /// Always fails: no program is started, a process that runs is forked.
  public func launchPlan() throws -> LaunchPlan {
    throw ConnectionError.failed(contextName(processID: 0), "a fork is made by a fork server, and starts no program")
  }

  /// Its name if it was given one; otherwise the process identifier tells one from another.
  public func contextName(processID: Int32) -> String { options.name ?? "fork.\(processID)" }
}
