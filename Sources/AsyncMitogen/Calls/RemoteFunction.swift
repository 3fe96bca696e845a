internal import Synchronization

/// A function that is known by name: a value holds its arguments, and calling the value runs it.
///
/// It is found in the other context by its type's name, without registration, by programs of other builds and by Python
/// peers too: they call `Module.Type` with the properties as arguments. The type must be neither private nor local, and
/// may not be generic.
///
/// Python's arguments bind as they do to parameters in Python: those without names to the properties in the order of
/// their declaration, or of `CodingKeys` if the type has its own, the others by name. An `init(from:)` of your own takes
/// them in the order in which it first asks for its keys. A property that gets two values, and arguments without names
/// that are more than the properties, are refused with a ``CallError``; keywords that no property has are ignored.
public protocol RemoteFunction: Codable, Sendable {
  /// What it returns.
  associatedtype Result: Codable & Sendable
  /// Runs the function, in the context that it was sent to.
  func callAsFunction() async throws -> Result
}

extension RemoteFunction {
  /// Decodes the arguments, runs the function and encodes its result.
  static func invoke(_ call: ReceivedCall, userInfo: [CodingUserInfoKey: any Sendable]) async throws -> [UInt8] {
    try PickleEncoder().encode(try await Self(call, userInfo: userInfo)())
  }

  /// Decodes the arguments of a call.
  private init(_ call: ReceivedCall, userInfo: [CodingUserInfoKey: any Sendable]) throws {
    let positional = PositionalArguments(call.arguments)
    let function = Swift.Result {
      try call.keywords.decode(Self.self, userInfo: userInfo, positional: positional)
    }
    let isComplete = if case .success = function { true } else { false }
    try positional?.check(function: call.function, isComplete: isComplete)
    self = try function.get()
  }
}

/// Finds remote functions by the names of their types, each once.
final class RemoteFunctionCache: Sendable {
  static let shared = RemoteFunctionCache()

  private let types = Mutex<[String: any RemoteFunction.Type]>([:])
  private let names = Mutex<[ObjectIdentifier: (module: String, function: String)]>([:])
  private let limit: Int

  init(limit: Int = 16_384) { self.limit = limit }

  /// How many types are known by name.
  var count: Int { types.withLock { $0.count } }

  /// Module and name of a type.
  func name<Function: RemoteFunction>(
    of type: Function.Type
  ) throws(UnsupportedFunctionError) -> (module: String, function: String) {
    let key = ObjectIdentifier(type)
    if let name = names.withLock({ $0[key] }) { return name }
    let full = String(reflecting: type)
    let parts = full.split(separator: ".", maxSplits: 1)
    guard parts.count == 2, !full.contains("("), !full.contains("<"),
      find(module: String(parts[0]), function: String(parts[1])) != nil
    else { throw .unnamed(full) }
    let name = (module: String(parts[0]), function: String(parts[1]))
    names.withLock { $0[key] = name }
    return name
  }

  /// The type of a function; nil if this program has none of that name.
  func find(module: String, function: String) -> (any RemoteFunction.Type)? {
    let name = module + "." + function
    if let type = types.withLock({ $0[name] }) { return type }
    guard let type = NamedType.find(name, where: { $0 as? any RemoteFunction.Type }) else { return nil }
    types.withLock { types in
      if types.count < limit { types[name] = type }
    }
    return type
  }
}
