/// The payload of a CALL_FUNCTION message: Mitogen's tuple of chain, module, class, function, arguments and keywords.
enum CallRequest {
  /// How the modules begin under which closures are called.
  static let closureModulePrefix = "swift:"
  /// The module under which this program's closures are called, which names its build: the same offset means something
  /// else in another one. The class is the name of their invocation's type.
  static let closureModule = closureModulePrefix + ImageIdentity.own.digest
  /// Where Mitogen's parents ask contexts to start others.
  static let proxyConnectTarget = (module: "mitogen.parent", function: "_proxy_connect")
  /// Where Mitogen's callers make a chain forget its error.
  static let forgetChainTarget = (module: "mitogen.core", className: "Dispatcher", function: "forget_chain")

  /// A call of a closure.
  static func closure<Value: AnyInvocation, each Argument: Transferable>(
    _ invocation: Value, chain: String?, _ arguments: repeat each Argument
  ) throws -> [UInt8] {
    var writer = try begin(chain)
    writer.append(try ClosureTargets.shared.target(of: invocation))
    writer.mark()
    for argument in repeat each arguments { try writer.encode(argument) }
    writer.tuple()
    writer.emptyDictionary()
    return end(writer)
  }

  /// A call of a function by name.
  static func function<Function: RemoteFunction>(_ function: Function, chain: String?) throws -> [UInt8] {
    let name = try RemoteFunctionCache.shared.name(of: Function.self)
    var writer = try begin(chain, module: name.module, className: nil, function: name.function)
    writer.emptyTuple()
    try writer.encode(function)
    return end(writer)
  }

  /// Makes a chain forget its error.
  ///
  /// - Throws: `EncodingError` if its name is too long.
  static func forget(chain: String) throws -> [UInt8] {
    let target = forgetChainTarget
    var writer = try begin(nil, module: target.module, className: target.className, function: target.function)
    writer.mark()
    try writer.string(chain)
    writer.tuple()
    writer.emptyDictionary()
    return end(writer)
  }

  /// Asks a context to start another one.
  ///
  /// - Parameter authenticator: Where what is asked meanwhile is sent to.
  static func proxyConnect<Method: ConnectionMethod>(
    _ method: Method, authenticator: Sender<AuthenticationQuestion>?
  ) throws -> [UInt8] {
    let target = proxyConnectTarget
    var writer = try begin(nil, module: target.module, className: nil, function: target.function)
    writer.emptyTuple()
    try writer.encode(
      ProxyConnectArguments(
        methodName: Method.methodName, method: method, authenticator: authenticator))
    return end(writer)
  }

  static func begin(
    _ chain: String?, module: String, className: String?, function: String
  ) throws -> PickleWriter {
    var writer = try begin(chain)
    try writer.string(module)
    if let className { try writer.string(className) } else { writer.none() }
    try writer.string(function)
    return writer
  }

  private static func begin(_ chain: String?) throws -> PickleWriter {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    if let chain { try writer.string(chain) } else { writer.none() }
    return writer
  }

  static func end(_ writer: PickleWriter) -> [UInt8] {
    var writer = writer
    writer.tuple()
    writer.end()
    return writer.bytes
  }

  private struct ProxyConnectArguments<Method: ConnectionMethod>: Encodable {
    var name: String?
    var methodName: String
    var method: Method
    var authenticator: Sender<AuthenticationQuestion>?

    enum CodingKeys: String, CodingKey {
      case name
      case methodName = "method_name"
      case method = "kwargs"
      case authenticator
    }
  }
}

/// A request as it came, taken apart.
struct ReceivedCall {
  let chain: String?
  let module: String
  let className: String?
  let function: String
  let arguments: Unpickled.Node
  let keywords: Unpickled.Node

  /// - Throws: ``StreamError`` if the payload is not such a tuple.
  init(_ message: Message) throws {
    let root = try Unpickled(message.payload).root
    guard root.isSequence, root.count == 6 else { throw StreamError("invalid message: a call is a tuple of six") }
    func text(_ index: Int) -> String? { root.element(index).text }
    guard let module = text(1), let function = text(3) else {
      throw StreamError("invalid message: a call names a module and a function")
    }
    // Mitogen lets anything be a chain's name; ours are text.
    chain = root.element(0).isNone ? nil : text(0) ?? "\(root.element(0).value)"
    self.module = module
    className = text(2)
    self.function = function
    arguments = root.element(4)
    keywords = root.element(5)
  }
}

/// The arguments of a call, taken one after the other.
struct CallArguments {
  private let message: Message
  /// Where the next argument lies in the payload, while all so far could be read there.
  private var position: Int?
  /// The arguments, once they have had to be parsed.
  private var parsed: Unpickled.Node?
  private let userInfo: [CodingUserInfoKey: any Sendable]
  private var index = 0

  init(_ message: Message, at position: Int?, userInfo: [CodingUserInfoKey: any Sendable]) {
    self.message = message
    self.position = position
    self.userInfo = userInfo
  }

  mutating func next<Argument: Decodable>(_ type: Argument.Type) throws -> Argument {
    if var next = position {
      if let value = PickleScalar.read(type, message.payload, at: &next) {
        position = next
        index += 1
        return value
      }
      position = nil
    }
    let node = try parsed ?? ReceivedCall(message).arguments
    parsed = node
    guard node.isSequence, index < node.count else {
      throw StreamError("invalid message: argument \(index + 1) is missing")
    }
    defer { index += 1 }
    return try node.element(index).decode(type, userInfo: userInfo)
  }
}

/// Constant payloads.
enum Pickle {
  /// None.
  static let none: [UInt8] = [0x80, 0x02, 0x4e, 0x2e]
}
