internal import Synchronization

/// A service on a handle of its own, with one method: the form that Mitogen had first.
///
/// A request is a pickled dictionary; what ``requiredArguments`` names must be in it, and of these types. New services
/// are a ``Service``.
public protocol HandleService: Actor {
  /// Where it is called.
  static var handle: Handle { get }
  /// What must be in a request. Mitogen's `required_args`.
  static var requiredArguments: [String: ArgumentKind] { get }
  /// Who may call it.
  static var policy: Policy { get }
  /// How requests run beside each other; concurrently by default.
  static var invoker: InvokerStrategy { get }
  /// How large a request may be in bytes; as the router allows by default.
  static var maxMessageSize: Int { get }

  /// Answers a request; nil to send no answer. Mitogen's `dispatch`, and its `NO_REPLY`.
  func dispatch(_ arguments: [String: PickledValue], _ message: Message) async throws -> PickledValue?
}

extension HandleService {
  /// Requests run concurrently.
  public static var invoker: InvokerStrategy { .concurrent }
  /// No limit of its own.
  public static var maxMessageSize: Int { .max }
}

/// What an argument of a ``HandleService`` may be.
public enum ArgumentKind: String, Sendable {
  case bool
  case integer = "int"
  case float
  /// Text; also bytes that are UTF-8, as Python 2 writes text.
  case string = "str"
  case bytes
  case list
  case dictionary = "dict"
  /// Anything.
  case any = "object"

  func accepts(_ node: Unpickled.Node) -> Bool {
    switch self {
    case .bool: node.boolean != nil
    case .integer: node.kind == .integer || node.kind == .bigInteger
    case .float: node.double != nil
    case .string: node.text != nil
    case .bytes: node.bytes != nil
    case .list: node.isSequence
    case .dictionary: node.isDictionary
    case .any: true
    }
  }
}

/// Makes a ``HandleService`` one like the others, with one method.
actor HandleServiceAdapter: Service {
  private let wrapped: any HandleService

  init(_ wrapped: any HandleService) { self.wrapped = wrapped }

  init(router: Router) throws { throw ServiceError("a service on a handle is not made by a call") }

  static var methods: [AnyServiceMethod<HandleServiceAdapter>] {}

  static func description<Wrapped: HandleService>(of type: Wrapped.Type) -> ServiceDescription {
    ServiceDescription(
      name: "\(String(reflecting: type)) on handle \(type.handle)", type: HandleServiceAdapter.self,
      strategy: type.invoker,
      MethodDescription(name: HandleServiceMethod.name, policy: type.policy, keywords: HandleServiceMethod.arguments) {
        (adapter: isolated HandleServiceAdapter, received) in
        let arguments: [String: PickledValue]
        do { arguments = try HandleServiceMethod.check(received.keywords(), type.requiredArguments) } catch {
          throw RefusedArguments(reason: error)
        }
        guard let message = Message.current else { return nil }
        return try await adapter.dispatch(arguments, message)
      })
  }

  private func dispatch(_ arguments: [String: PickledValue], _ message: Message) async throws -> [UInt8]? {
    try await wrapped.dispatch(arguments, message).map { try PickleEncoder().encode($0) }
  }
}

enum HandleServiceMethod {
  /// The name of the one method.
  static let name = "dispatch"

  /// The arguments in a request, which is nothing else.
  static func arguments(_ message: Message) throws -> Unpickled.Node {
    guard message.encoding != .binary, let root = try? Unpickled(message.payload).root, root.isDictionary else {
      throw ServiceRefusal.invalidFormat
    }
    return root
  }

  /// - Throws: ``ServiceError`` if one is missing or of another kind.
  static func check(
    _ node: Unpickled.Node, _ required: [String: ArgumentKind]
  ) throws -> [String: PickledValue] {
    for (name, kind) in required.sorted(by: { $0.key < $1.key }) {
      guard let argument = node[name] else { throw ServiceRefusal.missing(name) }
      guard kind.accepts(argument) else {
        throw ServiceRefusal.wrongType(name, found: argument.typeName, expected: kind.rawValue)
      }
    }
    var values: [String: PickledValue] = [:]
    for position in 0..<node.count {
      let (key, value) = node.dictionaryEntry(position)
      guard let name = key.text else { throw ServiceRefusal.invalidFormat }
      let isText = required[name] == .string
      values[name] = isText ? value.text.map { .string($0) } ?? value.value : value.value
    }
    return values
  }
}

extension Pool {
  /// Adds a service on a handle of its own.
  ///
  /// - Throws: ``StreamError`` if the handle is taken; ``ServiceError`` if the pool is closed.
  public func add<Wrapped: HandleService>(_ service: Wrapped) throws {
    let description = try checked(HandleServiceAdapter.description(of: Wrapped.self))
    let (intake, limit) = (intake, Wrapped.maxMessageSize)
    _ = try router.handlers.withLock {
      try $0.register(
        HandlerRegistration(handle: Wrapped.handle),
        action: .router { router, message, _ in
          guard !message.isDead else { return }
          if message.payload.count > limit {
            router.answer(message, failure: ServiceError("Message size exceeded"))
          } else if !router.services.offer(message, to: intake, router) {
            router.answer(message, failure: ServiceRefusal.poolClosed)
          }
        })
    }
    handleServices[Wrapped.handle] = description.name
    insert(PoolService(description, HandleServiceAdapter(service)))
  }
}

extension Context {
  /// Calls a ``HandleService`` in this context.
  ///
  /// - Parameters:
  ///   - handle: Where it is.
  ///   - arguments: A dictionary.
  ///   - timeout: How long the answer may take; without limit if nil. The method is cancelled then.
  /// - Throws: As ``callService(_:_:_:timeout:)``.
  public func callService(
    at handle: Handle, _ arguments: PickledValue = [:], timeout: Duration? = nil
  ) async throws -> PickledValue {
    let request = try PickleEncoder().encode(arguments)
    return try await requireRouter().call(
      request, in: self, handle: handle, timeout: timeout, as: PickledValue.self)
  }
}
