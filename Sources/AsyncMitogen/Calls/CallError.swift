/// A function that was called in another context failed, or could not be called there.
///
/// Mitogen's `CallError`, with what is only text there in fields.
public struct CallError: Error, Sendable, Hashable {
  /// One error of a chain: what was thrown, and where.
  public struct Cause: Sendable, Hashable, Codable {
    /// The type of the error that was thrown, with its module.
    public var typeName: String
    /// What it says of itself.
    public var message: String
    /// The context in which it was thrown, if that is known.
    public var context: ContextID?
  }

  /// The type of the error that was thrown, with its module.
  public var typeName: String { chain[0].typeName }
  /// What it says of itself; of a Python one, with its traceback.
  public var message: String { chain[0].message }
  /// Of a Python error, where it was raised: the lines of ``message`` that Python prints as a traceback; nil of others.
  public var traceback: String? {
    guard let lines = message.text(behind: "\n  File \"") else { return nil }
    return "  File \"" + lines
  }
  /// The context in which it was thrown, if that is known.
  public var context: ContextID? { chain[0].context }
  /// The errors that caused it, the nearest first: what other contexts threw that were called on the way.
  public var causes: [Cause] { Array(chain.dropFirst()) }

  private let chain: [Cause]
  /// The thrown error itself, encoded, if it can be.
  let encoded: [UInt8]?

  /// How long a chain may be.
  private static let chainLimit = 64
  /// How long the text of one error may be, in characters.
  private static let messageLimit = 8_192

  /// Makes an error.
  public init(typeName: String, message: String, context: ContextID? = nil, causes: [Cause] = []) {
    self.init(chain: [Cause(typeName: typeName, message: message, context: context)] + causes, encoded: nil)
  }

  private init(chain: [Cause], encoded: [UInt8]?) {
    self.chain = Array(chain.prefix(CallError.chainLimit))
    self.encoded = encoded
  }

  /// Describes an error that was thrown in this context.
  init(describing error: any Error, in context: ContextID) {
    let typeName = String(reflecting: type(of: error))
    if let inner = error as? CallError {
      let cause = Cause(typeName: typeName, message: "\(inner.typeName): \(inner.message)", context: context)
      self.init(chain: [cause] + inner.chain, encoded: nil)
      return
    }
    let message = String(String(describing: error).prefix(CallError.messageLimit))
    let encoded = (error as? any Codable & Error).flatMap { try? PickleEncoder().encode($0) }
    self.init(
      chain: [Cause(typeName: typeName, message: message, context: context)],
      encoded: encoded.flatMap { $0.count <= 65_536 ? $0 : nil })
  }

  /// The error that was thrown, if it is `Codable` and of this type.
  public func thrown<Failure: Error & Decodable>(as type: Failure.Type = Failure.self) -> Failure? {
    guard let encoded, typeName == String(reflecting: type) else { return nil }
    return try? PickleDecoder().decode(type, from: encoded)
  }
}

extension CallError: CustomStringConvertible {
  /// Type and message, where it was thrown, and its causes below it.
  public var description: String {
    chain.map { cause in
      "\(cause.typeName): \(cause.message)" + (cause.context.map { " (in context \($0))" } ?? "")
    }.joined(separator: "\n  caused by: ")
  }
}

extension CallError: Codable {
  private enum CodingKeys: String, CodingKey {
    case chain
    case encoded
  }

  /// Reads an error.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let chain = try container.decode([Cause].self, forKey: .chain)
    guard !chain.isEmpty else {
      throw DecodingError.dataCorruptedError(forKey: .chain, in: container, debugDescription: "an error without a type")
    }
    self.init(chain: chain, encoded: try container.decodeIfPresent([UInt8].self, forKey: .encoded))
  }

  /// Writes an error.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(chain, forKey: .chain)
    try container.encodeIfPresent(encoded, forKey: .encoded)
  }
}

extension CallError: PickleConvertible {
  var pickledValue: PickledValue { .callError(description) }

  init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) throws {
    guard case .callError(let text) = pickledValue else {
      throw StreamError("expected a CallError, found \(pickledValue)")
    }
    self.init(mitogenText: text, context: nil)
  }

  /// Reads Mitogen's form: type, colon, message, and perhaps a traceback.
  init(mitogenText text: String, context: ContextID?) {
    // By a single character: a separator of two would link the engine of regular expressions, a megabyte of it.
    let name = text.prefix { $0 != ":" }
    let rest = text.dropFirst(name.count)
    let isNamed =
      rest.hasPrefix(": ") && !name.isEmpty
      && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" }
    self.init(
      typeName: isNamed ? String(name) : "CallError", message: isNamed ? String(rest.dropFirst(2)) : text,
      context: context)
  }
}

/// The content of a reply to a call.
enum CallReply {
  /// A reply with an error: what Mitogen reads, and behind it what ours read.
  static func failure(_ error: CallError) -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    writer.callError(error.description)
    writer.end()
    // Another stream behind the first: Mitogen reads one and ignores the rest.
    if let structured = try? PickleEncoder().encode(StructuredError(error: error)) { writer.append(structured) }
    return writer.bytes
  }

  /// Stands for the second part of a failure: `CallError` alone would be encoded as Mitogen's class.
  private struct StructuredError: Codable {
    var error: CallError

    init(error: CallError) { self.error = error }

    init(from decoder: any Decoder) throws { error = try CallError(from: decoder) }

    func encode(to encoder: any Encoder) throws { try error.encode(to: encoder) }
  }

  /// Reads a reply.
  ///
  /// - Throws: The ``CallError`` that it holds; ``ChannelError`` if it is dead; a decoding error.
  static func decode<Result: Decodable>(
    _ type: Result.Type, from message: Message, router: Router?
  ) throws -> Result {
    try check(message, router: router)
    var decoder = PickleDecoder()
    if let router { decoder.userInfo[.router] = router }
    // Raw bytes are never read as a pickle, whatever they look like: who sent them says that they are none.
    if message.encoding == .binary {
      for raw in [message.payload, Blob(message.payload), PickledValue.bytes(message.payload)] as [any Sendable] {
        if let result = raw as? Result { return result }
      }
      throw StreamError("raw bytes came where \(type) was expected")
    }
    return try decoder.decode(type, from: message.payload)
  }

  /// Throws what a reply holds, if it holds an error.
  static func check(_ message: Message, router: Router?) throws {
    if message.isDead {
      throw ChannelError(dead: message, in: router?.contextID ?? .master, respondent: message.source)
    }
    // Only an error begins with the name of a class, or what is an error to Mitogen.
    guard message.payload.count > 2, message.payload[2] == 0x63, message.encoding != .binary else { return }
    let streams = try Unpickled.streams(message.payload)
    guard let first = streams.first, case .callError(let text) = first.value else { return }
    if streams.count > 1, let error = try? streams[1].decode(StructuredError.self, userInfo: [:]) {
      throw error.error
    }
    throw CallError(mitogenText: text, context: message.source)
  }
}
