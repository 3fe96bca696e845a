/// A method of a service that other contexts may call: its name, who may, and what it does.
///
/// `Arguments` is the dictionary of keyword arguments: a type with properties, or ``NoArguments``. It is checked by
/// decoding it, before the method runs: what is missing or of another type is refused by name, further keywords are
/// ignored. `Reply` is any `Codable` type; ``NoResult`` if there is only an end to wait for, and ``NoReply`` if nothing
/// is ever sent back. There is no method without a policy. Mitogen's `expose`, `arg_spec` and `no_reply`.
///
/// The body is isolated to the service. In it ``Message/current`` is the request, and ``Context/caller`` who sent it.
public struct ServiceMethod<Host: Service, Arguments: Transferable, Reply: Transferable>: Sendable {
  /// What it is called by.
  public let name: String
  /// Who may call it.
  public let policy: Policy
  let body: @Sendable (isolated Host, Arguments) async throws -> Reply

  /// Makes a method.
  ///
  /// - Parameters:
  ///   - name: What it is called by; unique in its service.
  ///   - policy: Who may call it.
  ///   - body: What it does; gets the service and the arguments.
  @_disfavoredOverload  // A body of several lines that returns nothing fits this too until it has been checked.
  public init(
    _ name: String, policy: Policy,
    _ body: @escaping @Sendable (isolated Host, Arguments) async throws -> Reply
  ) {
    self.name = name
    self.policy = policy
    self.body = body
  }

  /// Makes a method with several policies, all of which have to agree.
  public init(
    _ name: String, policy: Policy, _ second: Policy, _ others: Policy...,
    body: @escaping @Sendable (isolated Host, Arguments) async throws -> Reply
  ) {
    self.init(name, policy: others.reduce(policy && second, &&), body)
  }
}

/// The arguments of a method that has none.
public struct NoArguments: Codable, Sendable, Hashable {
  /// Makes the value.
  public init() {}
}

/// The result of a method that only ends; Python's `None`.
public struct NoResult: Codable, Sendable, Hashable {
  /// Makes the value.
  public init() {}

  /// Reads anything.
  public init(from decoder: any Decoder) throws {}

  /// Writes nothing, as a value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encodeNil()
  }
}

/// The result of a method that never answers: its callers do not wait, and what it throws is logged where it ran.
///
/// A call that asks for an answer all the same, which only other programs can send, gets a dead message when the method
/// has ended, unless the method has answered it.
public struct NoReply: Codable, Sendable, Hashable {
  /// Makes the value.
  public init() {}
}

extension ServiceMethod where Arguments == NoArguments {
  /// Makes a method without arguments.
  @_disfavoredOverload
  public init(
    _ name: String, policy: Policy, _ body: @escaping @Sendable (isolated Host) async throws -> Reply
  ) {
    self.init(name, policy: policy) { host, _ in try await body(host) }
  }

  /// Makes a method without arguments and with several policies, all of which have to agree.
  public init(
    _ name: String, policy: Policy, _ second: Policy, _ others: Policy...,
    body: @escaping @Sendable (isolated Host) async throws -> Reply
  ) {
    self.init(name, policy: others.reduce(policy && second, &&)) { host, _ in try await body(host) }
  }
}

extension ServiceMethod where Reply == NoResult {
  /// Makes a method whose callers wait for its end.
  public init(
    _ name: String, policy: Policy,
    _ body: @escaping @Sendable (isolated Host, Arguments) async throws -> Void
  ) {
    self.init(name, policy: policy) { host, arguments in
      try await body(host, arguments)
      return NoResult()
    }
  }
}

extension ServiceMethod where Arguments == NoArguments, Reply == NoResult {
  /// Makes a method without arguments whose callers wait for its end.
  public init(
    _ name: String, policy: Policy, _ body: @escaping @Sendable (isolated Host) async throws -> Void
  ) {
    self.init(name, policy: policy) { host, _ in
      try await body(host)
      return NoResult()
    }
  }
}

extension ServiceMethod where Reply == NoReply {
  /// Makes a method that never answers.
  public init(
    _ name: String, policy: Policy,
    _ body: @escaping @Sendable (isolated Host, Arguments) async throws -> Void
  ) {
    self.init(name, policy: policy) { host, arguments in
      try await body(host, arguments)
      return NoReply()
    }
  }
}

extension ServiceMethod where Arguments == NoArguments, Reply == NoReply {
  /// Makes a method without arguments that never answers.
  public init(
    _ name: String, policy: Policy, _ body: @escaping @Sendable (isolated Host) async throws -> Void
  ) {
    self.init(name, policy: policy) { host, _ in
      try await body(host)
      return NoReply()
    }
  }
}
