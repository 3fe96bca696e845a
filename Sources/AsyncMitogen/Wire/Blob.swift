/// Bytes that are not shown when what holds them is. Mitogen's `Blob`.
public struct Blob: Sendable, Hashable, CustomStringConvertible {
  /// The content.
  public var bytes: [UInt8]

  /// Makes a blob.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Takes all bytes at once, where an array takes them one by one.
  public func hash(into hasher: inout Hasher) {
    unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  }

  /// How many bytes there are.
  public var description: String { "[blob: \(bytes.count) bytes]" }
}

extension Blob: Codable, PickleConvertible {
  /// Reads an array of bytes.
  public init(from decoder: any Decoder) throws { bytes = try [UInt8](from: decoder) }

  /// Writes an array of bytes.
  public func encode(to encoder: any Encoder) throws { try bytes.encode(to: encoder) }

  var pickledValue: PickledValue { .blob(bytes) }

  init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) throws {
    switch pickledValue {
    case .blob(let bytes), .bytes(let bytes): self.init(bytes)
    default: throw StreamError("expected a Blob, found \(pickledValue.typeName)")
    }
  }
}

/// Text that never prints: a password. Mitogen's `Secret`.
public struct Secret: Sendable, Hashable, ExpressibleByStringLiteral {
  private let text: String

  /// Makes a secret.
  public init(_ text: String) { self.text = text }

  /// Makes a secret from a literal.
  public init(stringLiteral value: String) { text = value }

  /// The text itself.
  public func reveal() -> String { text }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Not the text.
  public var description: String { "[secret]" }
  /// Not the text.
  public var debugDescription: String { description }
  /// Without the text.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Secret: Codable, PickleConvertible {
  /// Reads text.
  public init(from decoder: any Decoder) throws { text = try String(from: decoder) }

  /// Writes the text itself: only to where it is meant to go.
  public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }

  var pickledValue: PickledValue { .secret(text) }

  init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) throws {
    switch pickledValue {
    case .secret(let text), .string(let text): self.init(text)
    default: throw StreamError("expected a Secret, found \(pickledValue.typeName)")
    }
  }
}
