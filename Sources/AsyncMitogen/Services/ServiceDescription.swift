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
struct MethodDescription: Sendable {
  let name: String
  /// Its place among the methods of its service.
  let index: Int
  let policy: Policy
  let sendsReply: Bool
  /// Finds the arguments in a request.
  let keywords: @Sendable (Message) throws -> Unpickled.Node
  /// Checks the arguments; returns what runs the method with them.
  let bind: @Sendable (ServiceArguments) throws -> BoundMethod

  /// Runs a method whose arguments are there; returns the pickle of the result, nil if nothing is to be answered.
  typealias BoundMethod = @Sendable @concurrent (any Service) async throws -> [UInt8]?

  init(
    name: String, policy: Policy, keywords: @escaping @Sendable (Message) throws -> Unpickled.Node,
    bind: @escaping @Sendable (ServiceArguments) throws -> BoundMethod
  ) {
    self.name = name
    index = 0
    self.policy = policy
    sendsReply = true
    self.keywords = keywords
    self.bind = bind
  }

  init<Host: Service>(_ method: AnyServiceMethod<Host>, index: Int) {
    name = method.name
    self.index = index
    policy = method.policy
    sendsReply = method.sendsReply
    keywords = ServiceRequest.keywords
    let bind = method.bind
    self.bind = { arguments in
      let bound = try bind(arguments)
      return { service in
        guard let host = service as? Host else {
          throw ServiceError("the activator made no \(Host.self) but a \(Swift.type(of: service))")
        }
        return try await bound(host)
      }
    }
  }
}
