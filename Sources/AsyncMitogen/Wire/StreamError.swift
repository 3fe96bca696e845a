/// Data that came from another context, or was meant for one, cannot be read or written.
///
/// Mitogen's `StreamError`.
public struct StreamError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, for a person.
  public let message: String

  /// Makes an error.
  public init(_ message: String) { self.message = message }

  /// The message.
  public var description: String { message }
}
