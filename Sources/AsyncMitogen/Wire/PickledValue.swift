/// Any value that a message may hold, for when its type is not known beforehand.
///
/// These are Mitogen's data types. As part of a `Codable` type it may stand wherever anything may come.
public enum PickledValue: Sendable, Hashable {
  /// One entry of a dictionary, whose order is kept.
  public struct Entry: Sendable, Hashable {
    /// The key: any value, mostly a string.
    public var key: PickledValue
    /// What it stands for.
    public var value: PickledValue

    /// Makes an entry.
    public init(_ key: PickledValue, _ value: PickledValue) {
      self.key = key
      self.value = value
    }
  }

  /// Python's `None`.
  case none
  case bool(Bool)
  case integer(Int)
  /// An integer beyond 64 bits: two's complement, the least byte first, no longer than needed.
  case bigInteger([UInt8])
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case list([PickledValue])
  case tuple([PickledValue])
  case dictionary([Entry])
  /// Mitogen's `Kwargs`.
  case keywords([Entry])
  /// Bytes that are not to be shown.
  case blob([UInt8])
  /// Text that is not to be shown.
  case secret(String)
  /// Mitogen's `CallError`: its text.
  case callError(String)
  case context(id: ContextID, name: String?)
  case sender(context: ContextID, handle: Handle)

  /// What a dictionary with string keys holds for one; nil if it has none, or is no dictionary.
  public subscript(key: String) -> PickledValue? {
    switch self {
    case .dictionary(let entries), .keywords(let entries): entries.last { $0.key == .string(key) }?.value
    default: nil
    }
  }

  /// What Python calls the type.
  var typeName: String {
    switch self {
    case .none: "None"
    case .bool: "bool"
    case .integer, .bigInteger: "int"
    case .float: "float"
    case .string: "str"
    case .bytes: "bytes"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .keywords: "Kwargs"
    case .blob: "Blob"
    case .secret: "Secret"
    case .callError: "CallError"
    case .context: "Context"
    case .sender: "Sender"
    }
  }
}

extension PickledValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByFloatLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// Makes text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// Makes an integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// Makes a truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// Makes a floating-point number.
  public init(floatLiteral value: Double) { self = .float(value) }
  /// Makes `None`.
  public init(nilLiteral: ()) { self = .none }
  /// Makes a list.
  public init(arrayLiteral elements: PickledValue...) { self = .list(elements) }
  /// Makes a dictionary, in the order of the literal.
  public init(dictionaryLiteral elements: (PickledValue, PickledValue)...) {
    self = .dictionary(elements.map { Entry($0.0, $0.1) })
  }
}

extension PickledValue: CustomStringConvertible {
  /// As Python would show it; secrets are not shown, of blobs only the size.
  public var description: String {
    func joined(_ entries: [Entry]) -> String { entries.map { "\($0.key): \($0.value)" }.joined(separator: ", ") }
    return switch self {
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .bigInteger(let bytes): "[int of \(bytes.count) bytes]"
    case .float(let value): String(value)
    case .string(let text): "'\(text)'"
    case .bytes(let bytes): "[\(bytes.count) bytes]"
    case .list(let values): "[\(values.map(\.description).joined(separator: ", "))]"
    case .tuple(let values): "(\(values.map(\.description).joined(separator: ", ")))"
    case .dictionary(let entries): "{\(joined(entries))}"
    case .keywords(let entries): "Kwargs({\(joined(entries))})"
    case .blob(let bytes): "[blob: \(bytes.count) bytes]"
    case .secret: "[secret]"
    case .callError(let text): "CallError('\(text)')"
    case .context(let id, let name): "Context(\(id), \(name ?? "None"))"
    case .sender(let context, let handle): "Sender(\(context), \(handle))"
    }
  }
}

/// A type that a pickle has a form of its own for, in place of what its `Codable` conformance would give.
protocol PickleConvertible {
  var pickledValue: PickledValue { get throws }
  init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) throws
}

extension PickledValue: PickleConvertible {
  var pickledValue: PickledValue { self }

  init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) { self = pickledValue }
}

extension PickledValue: Codable {
  /// Reads what another format can hold: nothing, truth values, numbers, text, lists and dictionaries with string keys.
  public init(from decoder: any Decoder) throws {
    if let keyed = try? decoder.container(keyedBy: PickleKey.self) {
      self = .dictionary(
        try keyed.allKeys.map { Entry(.string($0.stringValue), try keyed.decode(PickledValue.self, forKey: $0)) })
      return
    }
    if var unkeyed = try? decoder.unkeyedContainer() {
      var values: [PickledValue] = []
      while !unkeyed.isAtEnd { values.append(try unkeyed.decode(PickledValue.self)) }
      self = .list(values)
      return
    }
    let single = try decoder.singleValueContainer()
    if single.decodeNil() {
      self = .none
    } else if let value = try? single.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? single.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? single.decode(Double.self) {
      self = .float(value)
    } else {
      self = .string(try single.decode(String.self))
    }
  }

  /// Writes what another format can hold; the rest as text that describes it.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .none:
      var single = encoder.singleValueContainer()
      try single.encodeNil()
    case .bool(let value): try value.encode(to: encoder)
    case .integer(let value): try value.encode(to: encoder)
    case .float(let value): try value.encode(to: encoder)
    case .string(let value): try value.encode(to: encoder)
    case .bytes(let bytes), .blob(let bytes): try bytes.encode(to: encoder)
    case .list(let values), .tuple(let values): try values.encode(to: encoder)
    case .dictionary(let entries), .keywords(let entries):
      var keyed = encoder.container(keyedBy: PickleKey.self)
      for entry in entries {
        let key = if case .string(let text) = entry.key { text } else { entry.key.description }
        try keyed.encode(entry.value, forKey: PickleKey(key))
      }
    case .bigInteger, .secret, .callError, .context, .sender: try description.encode(to: encoder)
    }
  }
}

/// Any text or number as a coding key.
struct PickleKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(_ text: String) {
    stringValue = text
    intValue = nil
  }

  init(_ number: Int) {
    stringValue = String(number)
    intValue = number
  }

  init(stringValue: String) { self.init(stringValue) }

  init(intValue: Int) { self.init(intValue) }
}
