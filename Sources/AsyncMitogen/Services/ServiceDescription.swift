/// What is known of a service before there is one: its type's answers, without its type.
struct ServiceDescription: Sendable {
  let name: String
  let type: any Service.Type
  let methods: [String: MethodDescription]
  let strategy: InvokerStrategy

  /// Asks a type.
  ///
  /// - Throws: ``ServiceError`` if two of its methods have one name.
  static func of(_ type: any Service.Type, name: String? = nil) throws(ServiceError) -> ServiceDescription {
    // A function with a type of its own: an initializer does not open what is behind `any`.
    func describe<Host: Service>(_ type: Host.Type) -> Result<ServiceDescription, ServiceError> {
      Result { () throws(ServiceError) in try ServiceDescription(type, name: name) }
    }
    return try describe(type).get()
  }

  private init<Host: Service>(_ type: Host.Type, name: String?) throws(ServiceError) {
    let name = name ?? Host.name
    self.name = name
    self.type = type
    strategy = Host.invoker
    var methods: [String: MethodDescription] = [:]
    for method in Host.methods {
      guard methods[method.name] == nil else { throw ServiceRefusal.duplicateMethod(method.name, of: name) }
      methods[method.name] = MethodDescription(method, index: methods.count)
    }
    self.methods = methods
  }

  init(name: String, type: any Service.Type, strategy: InvokerStrategy, _ method: MethodDescription) {
    self.name = name
    self.type = type
    self.strategy = strategy
    methods = [method.name: method]
  }
}

/// A method, without its service's type.
final class MethodDescription: Sendable {
  let name: String
  /// Its place among the methods of its service.
  let index: Int
  let policy: Policy
  let sendsReply: Bool
  /// Finds the arguments in a request.
  let keywords: @Sendable (Message) throws -> Unpickled.Node
  /// Runs the method in a task of its own.
  let launch: @Sendable (any Service, PoolRun) -> Task<Void, Never>

  init<Host: Service>(
    name: String, index: Int = 0, policy: Policy, sendsReply: Bool = true,
    keywords: @escaping @Sendable (Message) throws -> Unpickled.Node = ServiceRequest.keywords,
    invoke: @escaping AnyServiceMethod<Host>.Invocation
  ) {
    self.name = name
    self.index = index
    self.policy = policy
    self.sendsReply = sendsReply
    self.keywords = keywords
    launch = { service, run in
      guard let host = service as? Host else {
        return run.fail(ServiceError("the activator made no \(Host.self) but a \(type(of: service))"))
      }
      return run.launch(on: host, invoke)
    }
  }

  convenience init<Host: Service>(_ method: AnyServiceMethod<Host>, index: Int) {
    self.init(
      name: method.name, index: index, policy: method.policy, sendsReply: method.sendsReply, invoke: method.invoke)
  }
}
