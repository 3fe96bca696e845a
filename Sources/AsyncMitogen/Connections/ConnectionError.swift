/// A context could not be started, and everything that is known of why.
public struct ConnectionError: Error, Sendable, Hashable, Codable {
  /// How far it came.
  public enum Phase: String, Sendable, Hashable, Codable {
    /// The program could not be started.
    case spawn
    /// It was started, but did not say that it is up.
    case bootstrap
    /// Given up on purpose: the router ends, or the task was cancelled.
    case cancelled
  }

  /// How far it came.
  public var phase: Phase
  /// What it was to be called.
  public var name: String
  /// What went wrong.
  public var message: String
  /// The contexts on whose way it happened, the last one being the one that tried.
  public var route: [ContextID] = []
  /// The command line, with secrets masked; empty if there was none.
  public var command: [String] = []
  /// How the program ended, if it did.
  public var status: ExitStatus?
  /// The last lines that it printed.
  public var lines: [String] = []
  /// What may help.
  public var hint: String?
  /// Why the shell over there did not become the program, if it said so.
  public var cause: FirstStageFailure?

  init(_ phase: Phase, name: String, message: String) {
    self.phase = phase
    self.name = name
    self.message = message
  }

  static func timedOut(_ name: String, _ timeout: Duration) -> ConnectionError {
    var error = ConnectionError(.bootstrap, name: name, message: "did not come up within \(timeout)")
    error.hint = "allow more with connectTimeout"
    return error
  }

  static func firstStage(_ name: String, _ failure: FirstStageFailure) -> ConnectionError {
    var error = ConnectionError(.bootstrap, name: name, message: "\(failure)")
    error.cause = failure
    return error
  }

  static func cancelled(_ name: String) -> ConnectionError {
    ConnectionError(
      .cancelled, name: name,
      message: "Connection cancelled because the associated Broker began to shut down.")
  }

  static func failed(_ name: String, _ message: String) -> ConnectionError {
    ConnectionError(.spawn, name: name, message: message)
  }

  static func ended(_ name: String, _ status: ExitStatus?) -> ConnectionError {
    var error = ConnectionError(
      .bootstrap, name: name,
      message: status.map { "it \($0) before it was up" } ?? "it closed its stream before it was up")
    error.status = status
    return error
  }
}

extension ConnectionError: CustomStringConvertible {
  /// All of it, on several lines if it printed something.
  public var description: String {
    var text = "\(name): \(message)"
    if let last = route.last, last != .master { text += " (started by context \(last))" }
    if !command.isEmpty { text += "\n  command: " + command.joined(separator: " ") }
    if let hint { text += "\n  hint: \(hint)" }
    if !lines.isEmpty { text += "\n  it last printed:\n" + lines.map { "    " + $0 }.joined(separator: "\n") }
    return text
  }
}
