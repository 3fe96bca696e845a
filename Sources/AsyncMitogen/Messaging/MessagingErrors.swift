/// No message will come on a channel, and why: the other side is gone, closed it, or cannot be reached.
///
/// Mitogen's `ChannelError`; the reasons are Mitogen's texts where it has one.
public struct ChannelError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Why nothing will come.
  public let reason: String
  /// The context whose absence is meant, if it is known.
  public let context: ContextID?
  /// What is known of how the other side ended: exit status or signal, and the last lines that it printed.
  public let detail: String?

  /// Makes an error.
  public init(_ reason: String, context: ContextID? = nil, detail: String? = nil) {
    self.reason = reason
    self.context = context
    self.detail = detail
  }

  /// The reason, and the detail after it.
  public var description: String { detail.map { "\(reason): \($0)" } ?? reason }
}

/// A wait took longer than it was allowed to.
///
/// Mitogen's `TimeoutError`.
public struct TimeoutError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was waited for.
  public let operation: String
  /// How long it was allowed to take.
  public let timeout: Duration

  /// Makes an error.
  public init(_ operation: String, timeout: Duration) {
    self.operation = operation
    self.timeout = timeout
  }

  /// What was waited for, and how long.
  public var description: String { "\(operation) took longer than \(timeout)" }
}

/// A wait on something that this process has closed.
///
/// Mitogen's `LatchError`.
public struct LatchError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was closed.
  public let message: String

  /// Makes an error.
  public init(_ message: String) { self.message = message }

  /// The message.
  public var description: String { message }
}
