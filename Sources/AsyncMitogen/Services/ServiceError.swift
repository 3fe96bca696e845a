/// A service could not be reached, or would not do what it was asked to.
///
/// Mitogen's `service.Error`.
public struct ServiceError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  /// What is wrong, for a person.
  public let message: String

  /// Makes an error.
  public init(_ message: String) { self.message = message }

  /// The message.
  public var description: String { message }
}
