/// A method of a service, whatever its arguments and its reply: what ``Service/methods`` lists.
public struct AnyServiceMethod<Host: Service>: Sendable {
  /// What it is called by.
  public let name: String
  /// Who may call it.
  public let policy: Policy
  /// Whether it answers its callers.
  public let sendsReply: Bool
  let invoke: Invocation

  /// Checks the arguments and runs the method; returns the pickle of the result, nil if nothing is to be answered.
  typealias Invocation = @Sendable (isolated Host, ServiceArguments) async throws -> [UInt8]?

  /// Forgets the types of a method.
  public init<Arguments: Transferable, Reply: Transferable>(_ method: ServiceMethod<Host, Arguments, Reply>) {
    name = method.name
    policy = method.policy
    sendsReply = Reply.self != NoReply.self
    let body = method.body
    invoke = { host, received in
      let arguments: Arguments
      do { arguments = try received.decode(Arguments.self) } catch { throw RefusedArguments(reason: error) }
      let reply = try await body(host, arguments)
      return Reply.self == NoReply.self ? nil : try PickleEncoder().encode(reply)
    }
  }
}

/// The method has not run: its arguments are not what it wants.
struct RefusedArguments: Error {
  let reason: any Error
}

/// Lists the methods of a service, one in each line.
@resultBuilder
public enum ServiceMethods {
  /// A method.
  public static func buildExpression<Host: Service, Arguments: Transferable, Reply: Transferable>(
    _ method: ServiceMethod<Host, Arguments, Reply>
  ) -> [AnyServiceMethod<Host>] { [AnyServiceMethod(method)] }

  /// Methods that were listed elsewhere.
  public static func buildExpression<Host: Service>(
    _ methods: [AnyServiceMethod<Host>]
  ) -> [AnyServiceMethod<Host>] { methods }

  /// All lines.
  public static func buildBlock<Host: Service>(_ parts: [AnyServiceMethod<Host>]...) -> [AnyServiceMethod<Host>] {
    parts.flatMap { $0 }
  }

  /// A condition that may not hold.
  public static func buildOptional<Host: Service>(_ part: [AnyServiceMethod<Host>]?) -> [AnyServiceMethod<Host>] {
    part ?? []
  }

  /// A condition that holds.
  public static func buildEither<Host: Service>(first: [AnyServiceMethod<Host>]) -> [AnyServiceMethod<Host>] { first }

  /// A condition that does not hold.
  public static func buildEither<Host: Service>(second: [AnyServiceMethod<Host>]) -> [AnyServiceMethod<Host>] {
    second
  }

  /// What a loop lists.
  public static func buildArray<Host: Service>(_ parts: [[AnyServiceMethod<Host>]]) -> [AnyServiceMethod<Host>] {
    parts.flatMap { $0 }
  }
}
