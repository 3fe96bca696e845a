/// Something that a program asks before it lets anybody in, and that the connection's options have no answer to.
public struct AuthenticationRequest: Sendable, Hashable, Codable {
  /// What is asked for.
  public enum Kind: Sendable, Hashable, Codable {
    /// An account's password.
    case password
    /// What the private key in a file is encrypted with.
    case passphrase(key: String)
    /// A code that is valid once: from a device, a message or a list.
    case oneTimeCode
    /// What the prompt says.
    case other
  }

  /// The connection method: `ssh`, `sudo`, …
  public var method: String
  /// What is asked for, as far as the prompt tells.
  public var kind: Kind
  /// The prompt, as the program printed it.
  public var prompt: String
  /// How often this kind of thing has been asked in this connection, this time counted.
  public var attempt: Int

  /// Makes a request.
  public init(method: String, kind: Kind, prompt: String, attempt: Int = 1) {
    self.method = method
    self.kind = kind
    self.prompt = prompt
    self.attempt = attempt
  }
}

/// Answers what programs ask; nil gives up.
public typealias Authenticator = @Sendable (AuthenticationRequest) async throws -> Secret?
