internal import Synchronization

// The caller's side.
extension Router {
  /// Puts what is to travel with a call into its message, if there is anything and the callee understands it.
  ///
  /// Sent at once, a call to a context of which that is not known yet goes without, and the context is asked for the next.
  nonisolated func trace(_ message: inout Message) {
    guard TracingState.isOn, let fields = fieldsToSend(message) else { return }
    guard let isKnown = kinds.withLock({ $0[message.destination] }) else {
      return understands(message.destination) { _ in }
    }
    if isKnown, traces(message.destination) { wrap(&message, fields) }
  }

  /// As `trace`, for those who can wait until it is known whether the callee understands it.
  nonisolated func traceWaiting(_ message: inout Message) async throws {
    guard TracingState.isOn, let fields = fieldsToSend(message) else { return }
    if try await understands(message.destination), traces(message.destination) { wrap(&message, fields) }
  }

  private nonisolated func fieldsToSend(_ message: Message) -> [String: String]? {
    var fields = CallTracing.fields
    CallTracing.tracer?.inject(TracedCall(message, in: message.destination, caller: contextID), into: &fields)
    guard !fields.isEmpty else { return nil }
    let size = fields.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    guard size <= CallTracing.limit else {
      Router.log.warning(
        "what is to travel with a call has \(size) bytes, more than \(CallTracing.limit), and is left out")
      return nil
    }
    return fields
  }

  private nonisolated func traces(_ context: ContextID) -> Bool { kinds.withLock { $0.traces(context) } }

  private nonisolated func wrap(_ message: inout Message, _ fields: [String: String]) {
    guard let payload = try? TracedPayload.encode(fields, message.payload) else { return }
    message.payload = payload
    message.handle = message.handle == .callService ? .tracedService : .tracedCall
  }
}

// The callee's side.
extension Message {
  /// The call in this message, and what came with it.
  var withoutFields: (message: Message, fields: [String: String]) {
    guard handle == .tracedCall || handle == .tracedService, let (fields, payload) = TracedPayload.decode(self.payload)
    else { return (self, [:]) }
    var message = self
    message.handle = handle == .tracedService ? .callService : .callFunction
    message.payload = payload
    return (message, fields)
  }
}

extension CallTracing {
  /// Runs a function with the fields that came with its call bound, under the tracer if there is one.
  static func run<Result: Sendable>(
    _ call: @autoclosure () -> TracedCall, _ fields: [String: String], _ body: () async throws -> Result
  ) async throws -> Result {
    let tracer = tracer
    guard let tracer else {
      guard !fields.isEmpty else { return try await body() }
      return try await with(fields, body)
    }
    var result: Result?
    try await with(fields) {
      try await tracer.run(call(), fields: fields) {
        result = try await body()
      }
    }
    guard let result else { throw StreamError("the tracer did not run what was called") }
    return result
  }
}

extension TracedCall {
  /// A call as its message says.
  init(_ message: Message, in callee: ContextID, caller: ContextID) {
    isService = message.handle == .callService
    name =
      isService
      ? (try? ServiceRequest.names(message)).map { "\($0.service).\($0.method)" } ?? "something that is no call"
      : CalledName(message.payload).description
    self.caller = caller
    self.callee = callee
  }
}
