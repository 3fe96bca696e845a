extension Context {
  /// Calls a function in a Python context and waits for its result. Mitogen's `Context.call`.
  ///
  ///     let processID: Int = try await context.call(python: "os.getpid")
  ///     let names: [String] = try await context.call(python: "os.listdir", "/etc")
  ///
  /// The context imports the module: its own if it has one, else the master's. Python runs one call after the other. A
  /// function that has begun is not cancelled, though nobody waits for it any more.
  ///
  /// - Parameters:
  ///   - function: The function's name.
  ///   - arguments: What it is given in order.
  ///   - keywords: What it is given by name.
  ///   - timeout: How long the result may take; without limit if nil.
  /// - Throws: ``CallError`` with type, text and traceback if the function raises; ``ChannelError`` if the context is gone
  ///   or cannot be reached; ``TimeoutError``; `CancellationError`; a decoding or encoding error.
  public func call<each Argument: Encodable & Sendable, Result: Decodable & Sendable>(
    python function: PythonFunction, _ arguments: repeat each Argument, keywords: PythonKeywords = [:],
    timeout: Duration? = nil
  ) async throws -> Result {
    let request = try CallRequest.python(function, chain: nil, keywords, repeat each arguments)
    return try await requireRouter().call(request, in: self, timeout: timeout, as: Result.self)
  }

  /// As the other `call`, for functions whose result does not matter.
  public func call<each Argument: Encodable & Sendable>(
    python function: PythonFunction, _ arguments: repeat each Argument, keywords: PythonKeywords = [:],
    timeout: Duration? = nil
  ) async throws {
    let request = try CallRequest.python(function, chain: nil, keywords, repeat each arguments)
    try await requireRouter().callForNothing(request, in: self, timeout: timeout)
  }

  /// Calls a function in a Python context; its result comes to the receiver. Mitogen's `Context.call_async`.
  ///
  /// What cannot be sent is thrown by the receiver too.
  public func callAsync<each Argument: Encodable & Sendable, Result: Decodable & Sendable>(
    python function: PythonFunction, _ arguments: repeat each Argument, keywords: PythonKeywords = [:],
    timeout: Duration? = nil
  ) -> Receiver<Result> {
    startCall(timeout: timeout) { try CallRequest.python(function, chain: nil, keywords, repeat each arguments) }
  }

  /// Calls a function in a Python context whose result nobody waits for. Mitogen's `Context.call_no_reply`.
  ///
  /// If it raises, the other context logs that.
  ///
  /// - Throws: An encoding error; nothing is known of the call itself.
  public func callNoReply<each Argument: Encodable & Sendable>(
    python function: PythonFunction, _ arguments: repeat each Argument, keywords: PythonKeywords = [:]
  ) throws {
    try postCall(CallRequest.python(function, chain: nil, keywords, repeat each arguments))
  }
}

extension CallChain {
  /// Calls a function in a Python context and waits for its result; as ``Context``'s `call(python:)`.
  public func call<each Argument: Encodable & Sendable, Result: Decodable & Sendable>(
    python function: PythonFunction, _ arguments: repeat each Argument, keywords: PythonKeywords = [:],
    timeout: Duration? = nil
  ) async throws -> Result {
    let request = try CallRequest.python(function, chain: id, keywords, repeat each arguments)
    return try await context.requireRouter().call(request, in: context, timeout: timeout, as: Result.self)
  }

  /// Calls a function in a Python context; its result comes to the receiver.
  public func callAsync<each Argument: Encodable & Sendable, Result: Decodable & Sendable>(
    python function: PythonFunction, _ arguments: repeat each Argument, keywords: PythonKeywords = [:]
  ) -> Receiver<Result> {
    context.startCall { try CallRequest.python(function, chain: id, keywords, repeat each arguments) }
  }

  /// Calls a function in a Python context whose result nobody waits for; if it raises, later calls of the chain fail.
  public func callNoReply<each Argument: Encodable & Sendable>(
    python function: PythonFunction, _ arguments: repeat each Argument, keywords: PythonKeywords = [:]
  ) throws {
    try context.postCall(CallRequest.python(function, chain: id, keywords, repeat each arguments))
  }
}
