/// The payload of a CALL_SERVICE message: Mitogen's tuple of service, method and keyword arguments.
enum ServiceRequest {
  /// Above this many bytes a request is only read as far as its names; those that hide them are refused.
  private static let wholeLimit = 65_536
  /// How long a name may be, in bytes.
  private static let nameLimit = 1_024

  /// With what a request of ours begins.
  static let beginning: [UInt8] = {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    return writer.bytes
  }()

  /// A request with arguments of any type that has keys.
  static func encode<Arguments: Encodable>(
    service: String, method: String, _ arguments: Arguments
  ) throws -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    try writer.string(service)
    try writer.string(method)
    var isDictionary = false
    try writer.keywords { writer in
      let start = writer.bytes.count
      try writer.encode(arguments)
      isDictionary = writer.bytes.count > start && writer.bytes[start] == 0x7d
    }
    guard isDictionary else {
      throw ServiceError(
        "the arguments of \(service).\(method) have no names: \(Arguments.self) is not a type with properties")
    }
    writer.tuple()
    writer.end()
    return writer.bytes
  }

  /// The names in a request.
  ///
  /// - Throws: ``ServiceError`` if it is none; what follows the names is not looked at.
  static func names(_ message: Message) throws -> (service: String, method: String) {
    guard message.encoding != .binary else { throw ServiceRefusal.invalidFormat }
    if let names = names(atBeginningOf: message.payload) { return names }
    guard message.payload.count <= wholeLimit else { throw ServiceRefusal.invalidFormat }
    let root = try root(message)
    guard let service = root.element(0).text, let method = root.element(1).text,
      service.utf8.count <= nameLimit, method.utf8.count <= nameLimit
    else { throw ServiceRefusal.invalidFormat }
    return (service, method)
  }

  /// The keyword arguments in a request.
  static func keywords(_ message: Message) throws -> Unpickled.Node {
    let keywords = try root(message).element(2)
    guard keywords.isDictionary else { throw ServiceRefusal.invalidFormat }
    return keywords
  }

  private static func root(_ message: Message) throws -> Unpickled.Node {
    guard let root = try? Unpickled(message.payload).root, root.isSequence, root.count == 3 else {
      throw ServiceRefusal.invalidFormat
    }
    return root
  }

  /// The names, where ours and Python's picklers put them: a request may be large, and need not be read to be refused.
  private static func names(atBeginningOf payload: [UInt8]) -> (service: String, method: String)? {
    guard payload.count > 2, payload[0] == 0x80 else { return nil }
    var position = 2
    if payload[position] == 0x28 { position += 1 }
    guard let service = PickleText.read(payload, &position, limit: nameLimit),
      let method = PickleText.read(payload, &position, limit: nameLimit)
    else { return nil }
    return (service, method)
  }
}
