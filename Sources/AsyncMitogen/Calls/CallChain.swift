internal import Synchronization

/// Calls in one context that run there one after the other, and, once one has failed, not at all. Mitogen's `CallChain`.
///
/// In a pipelined chain the next call may be sent before the last one has returned: when one fails, those behind it fail
/// with the same error without running, until ``reset()``. Chains do not affect each other.
public struct CallChain: Sendable {
  /// The context in which it calls.
  public let context: Context
  /// Its name in messages; nil if it is not pipelined, and then no more than its context.
  public let id: String?

  /// Makes a chain.
  ///
  /// - Parameter pipelined: Whether an error of one call makes later ones fail, as by default.
  public init(_ context: Context, pipelined: Bool = true) {
    self.context = context
    guard pipelined else {
      id = nil
      return
    }
    let router = context.router
    // Counted by each router, so that what it sends does not depend on what else the process does.
    let number = router?.chainCount.wrappingAdd(1, ordering: .relaxed).newValue ?? 0
    id = "\(HostFacts.hostName)-\(router?.contextID ?? .master)-\(String(router?.loop.now ?? 0, radix: 16))-\(number)"
  }

  /// Calls a function and waits for its result; as ``Context``'s `call`.
  public func call<each Argument: Transferable, Result: Transferable>(
    _ arguments: repeat each Argument, timeout: Duration? = nil,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Result
  ) async throws -> Result {
    let request = try CallRequest.closure(Invocation(function: function), chain: id, repeat each arguments)
    return try await context.requireRouter().call(request, in: context, timeout: timeout, as: Result.self)
  }

  /// Calls a function that returns nothing, and waits for its end.
  public func call<each Argument: Transferable>(
    _ arguments: repeat each Argument, timeout: Duration? = nil,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Void
  ) async throws {
    let request = try CallRequest.closure(VoidInvocation(function: function), chain: id, repeat each arguments)
    try await context.requireRouter().callForNothing(request, in: context, timeout: timeout)
  }

  /// Calls a function that is known by name, and waits for its result.
  public func call<Function: RemoteFunction>(
    _ function: Function, timeout: Duration? = nil
  ) async throws -> Function.Result {
    let request = try CallRequest.function(function, chain: id)
    return try await context.requireRouter().call(request, in: context, timeout: timeout, as: Function.Result.self)
  }

  /// Calls a function; its result comes to the receiver.
  public func callAsync<each Argument: Transferable, Result: Transferable>(
    _ arguments: repeat each Argument,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Result
  ) -> Receiver<Result> {
    context.startCall { try CallRequest.closure(Invocation(function: function), chain: id, repeat each arguments) }
  }

  /// Calls a function that is known by name; its result comes to the receiver.
  public func callAsync<Function: RemoteFunction>(_ function: Function) -> Receiver<Function.Result> {
    context.startCall { try CallRequest.function(function, chain: id) }
  }

  /// Calls a function whose result nobody waits for; if it fails, later calls of the chain do.
  public func callNoReply<each Argument: Transferable>(
    _ arguments: repeat each Argument,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Void
  ) throws {
    try context.postCall(CallRequest.closure(VoidInvocation(function: function), chain: id, repeat each arguments))
  }

  /// Makes the chain forget its error: later calls run again. Without effect on one that is not pipelined.
  public func reset() throws {
    guard let id else { return }
    try context.postCall(CallRequest.forget(chain: id))
  }
}
