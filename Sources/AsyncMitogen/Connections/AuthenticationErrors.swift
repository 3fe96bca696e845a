/// A password was asked for and there was none, or it was not accepted.
///
/// Mitogen's `PasswordError` of each connection method.
public struct PasswordError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  /// What is wrong, for a person.
  public let message: String

  /// Makes an error.
  public init(_ message: String) { self.message = message }

  /// The message.
  public var description: String { message }
}

/// A host could not prove that it is the one that it is known as.
///
/// Mitogen's `ssh.HostKeyError`.
public struct HostKeyError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  /// What is wrong, for a person.
  public let message: String

  /// Makes an error.
  public init(_ message: String) { self.message = message }

  /// The message.
  public var description: String { message }
}
