extension Context {
  /// Calls a method of a service in this context, and waits for its result. Mitogen's `Context.call_service`.
  ///
  /// A call from a parent brings the service into being if it is not there. When the waiting task is cancelled, so is
  /// the method. Calls to the caller's own context (``Router/myself``) pass the same policies, and need a ``Pool``.
  ///
  /// - Parameters:
  ///   - method: What is called.
  ///   - arguments: What it is given.
  ///   - timeout: How long the result may take; without limit if nil. The method is cancelled then.
  /// - Throws: ``CallError`` if the method throws, or the call is refused: its ``CallError/thrown(as:)`` is a
  ///   ``ServiceError`` then; ``ChannelError`` if the context is gone, cannot be reached or has no pool that hears this
  ///   one; ``TimeoutError``; `CancellationError`; a decoding or encoding error.
  public func call<Host: Service, Arguments: Transferable, Reply: Transferable>(
    _ method: ServiceMethod<Host, Arguments, Reply>, _ arguments: Arguments, timeout: Duration? = nil
  ) async throws -> Reply {
    let request = try ServiceRequest.encode(service: Host.name, method: method.name, arguments)
    return try await callService(request, timeout, as: Reply.self)
  }

  /// Calls a method that has no arguments, and waits for its result.
  public func call<Host: Service, Reply: Transferable>(
    _ method: ServiceMethod<Host, NoArguments, Reply>, timeout: Duration? = nil
  ) async throws -> Reply { try await call(method, NoArguments(), timeout: timeout) }

  /// Calls a method that returns nothing, and waits for its end.
  public func call<Host: Service, Arguments: Transferable>(
    _ method: ServiceMethod<Host, Arguments, NoResult>, _ arguments: Arguments, timeout: Duration? = nil
  ) async throws {
    let request = try ServiceRequest.encode(service: Host.name, method: method.name, arguments)
    try await requireRouter().callForNothing(request, in: self, handle: .callService, timeout: timeout)
  }

  /// Calls a method that has no arguments and returns nothing, and waits for its end.
  public func call<Host: Service>(
    _ method: ServiceMethod<Host, NoArguments, NoResult>, timeout: Duration? = nil
  ) async throws { try await call(method, NoArguments(), timeout: timeout) }

  /// Calls a method that never answers; returns at once.
  public func call<Host: Service, Arguments: Transferable>(
    _ method: ServiceMethod<Host, Arguments, NoReply>, _ arguments: Arguments
  ) async throws { try callNoReply(method, arguments) }

  /// Calls a method that has no arguments and never answers; returns at once.
  public func call<Host: Service>(_ method: ServiceMethod<Host, NoArguments, NoReply>) async throws {
    try callNoReply(method, NoArguments())
  }

  /// Calls a method of a service; its result comes to the receiver. Mitogen's `Context.call_service_async`.
  ///
  /// What cannot be sent is thrown by the receiver too. The method is cancelled when the receiver is closed or let go
  /// before the result has come, and when the time is up; the receiver throws a ``TimeoutError`` then.
  public func callAsync<Host: Service, Arguments: Transferable, Reply: Transferable>(
    _ method: ServiceMethod<Host, Arguments, Reply>, _ arguments: Arguments, timeout: Duration? = nil
  ) -> Receiver<Reply> {
    startCall(handle: .callService, timeout: timeout) {
      try ServiceRequest.encode(service: Host.name, method: method.name, arguments)
    }
  }

  /// Calls a method that has no arguments; its result comes to the receiver.
  public func callAsync<Host: Service, Reply: Transferable>(
    _ method: ServiceMethod<Host, NoArguments, Reply>, timeout: Duration? = nil
  ) -> Receiver<Reply> { callAsync(method, NoArguments(), timeout: timeout) }

  /// Calls a method of a service whose result nobody waits for. If it throws, the other context logs that.
  ///
  /// - Throws: An encoding error; nothing is known of the call itself.
  public func callNoReply<Host: Service, Arguments: Transferable, Reply: Transferable>(
    _ method: ServiceMethod<Host, Arguments, Reply>, _ arguments: Arguments
  ) throws {
    try postCall(
      ServiceRequest.encode(service: Host.name, method: method.name, arguments), handle: .callService)
  }

  /// Calls a method that has no arguments and whose result nobody waits for.
  public func callNoReply<Host: Service, Reply: Transferable>(
    _ method: ServiceMethod<Host, NoArguments, Reply>
  ) throws { try callNoReply(method, NoArguments()) }

  /// Calls a service by its name, also one of a Python peer. Mitogen's `Context.call_service`.
  ///
  /// - Parameters:
  ///   - name: The service, `Module.Type`.
  ///   - method: The method.
  ///   - arguments: The keyword arguments, a dictionary.
  ///   - timeout: How long the result may take; without limit if nil. The method is cancelled then.
  /// - Throws: As the other `call`s.
  public func callService<Reply: Transferable>(
    _ name: String, _ method: String, _ arguments: PickledValue = [:], timeout: Duration? = nil
  ) async throws -> Reply {
    try await callService(ServiceRequest.encode(service: name, method: method, arguments), timeout, as: Reply.self)
  }

  /// Calls a service by its name, where the type of the result is not known.
  @discardableResult
  public func callService(
    _ name: String, _ method: String, _ arguments: PickledValue = [:], timeout: Duration? = nil
  ) async throws -> PickledValue {
    try await callService(
      ServiceRequest.encode(service: name, method: method, arguments), timeout, as: PickledValue.self)
  }

  private func callService<Reply: Decodable>(
    _ request: [UInt8], _ timeout: Duration?, as type: Reply.Type
  ) async throws -> Reply {
    try await requireRouter().call(request, in: self, handle: .callService, timeout: timeout, as: type)
  }
}
