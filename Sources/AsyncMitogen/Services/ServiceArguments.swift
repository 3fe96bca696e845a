/// The keyword arguments of a request, as they came.
struct ServiceArguments: Sendable {
  let message: Message
  let method: MethodDescription
  /// What values need to know of where they arrive.
  let userInfo: [CodingUserInfoKey: any Sendable]

  /// Finds them in the request.
  func keywords() throws -> Unpickled.Node { try method.keywords(message) }

  /// The arguments, as a method wants them.
  ///
  /// - Throws: ``ServiceError`` with the name of the first that is missing or wrong.
  func decode<Arguments: Decodable>(_ type: Arguments.Type) throws -> Arguments {
    let keywords = try keywords()
    if let arguments = try? keywords.decode(type, userInfo: userInfo) { return arguments }
    // Again, and this time with an eye on where it goes wrong.
    let trace = DecodingTrace()
    do {
      return try keywords.decode(type, userInfo: userInfo.merging([.decodingTrace: trace]) { $1 })
    } catch let error as DecodingError {
      throw Self.refusal(error, trace, type)
    } catch {
      throw Self.refusal(trace, type, reason: "\(error)")
    }
  }

  private static func refusal(_ error: DecodingError, _ trace: DecodingTrace, _ type: Any.Type) -> ServiceError {
    switch error {
    case .keyNotFound(let key, let context):
      ServiceRefusal.missing(name(of: context.codingPath + [key]))
    case .typeMismatch(let expected, let context):
      ServiceRefusal.wrongType(name(of: context.codingPath), found: found(trace), expected: "\(expected)")
    case .valueNotFound(let expected, let context):
      ServiceRefusal.wrongType(name(of: context.codingPath), found: found(trace), expected: "\(expected)")
    case .dataCorrupted(let context): refusal(trace, type, reason: context.debugDescription)
    @unknown default: refusal(trace, type, reason: "\(error)")
    }
  }

  /// The type was right, and what it held was not.
  private static func refusal(_ trace: DecodingTrace, _ type: Any.Type, reason: String) -> ServiceError {
    guard let failure = trace.lastFailure, !failure.path.isEmpty else {
      return ServiceError("The arguments are no \(ServiceRefusal.quoted("\(type)")): \(reason.prefix(1_024))")
    }
    let name = failure.path.joined(separator: ".")
    return ServiceError(
      "Argument \(ServiceRefusal.quoted(name)) type incorrect, got \(ServiceRefusal.quoted(failure.found)): "
        + reason.prefix(1_024))
  }

  private static func name(of path: [any CodingKey]) -> String {
    path.map(\.stringValue).joined(separator: ".")
  }

  private static func found(_ trace: DecodingTrace) -> String { trace.lastFailure?.found ?? "None" }
}
