internal import Synchronization

extension Context {
  /// Calls a function in this context and waits for its result. Mitogen's `Context.call`.
  ///
  /// The function captures nothing: what it needs is passed as arguments. Both processes run the same build. Calls run
  /// concurrently in the other context; for calls in order use a ``CallChain``. When the waiting task is cancelled, so
  /// is the function's.
  ///
  /// - Parameters:
  ///   - arguments: What the function is given.
  ///   - timeout: How long the result may take; without limit if nil. The function is cancelled then.
  /// - Throws: ``CallError`` if the function throws; ``ChannelError`` if the context is gone, cannot be reached or may
  ///   not be called from here; ``TimeoutError``; `CancellationError`; ``UnsupportedFunctionError`` if the function
  ///   cannot be sent; a decoding or encoding error.
  public func call<each Argument: Transferable, Result: Transferable>(
    _ arguments: repeat each Argument, timeout: Duration? = nil,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Result
  ) async throws -> Result {
    let router = try requireRouter()
    let request = try CallRequest.closure(Invocation(function: function), chain: nil, repeat each arguments)
    return try await router.call(request, in: self, timeout: timeout, as: Result.self)
  }

  /// As the other `call`, for functions that return nothing.
  public func call<each Argument: Transferable>(
    _ arguments: repeat each Argument, timeout: Duration? = nil,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Void
  ) async throws {
    let router = try requireRouter()
    let request = try CallRequest.closure(VoidInvocation(function: function), chain: nil, repeat each arguments)
    try await router.callForNothing(request, in: self, timeout: timeout)
  }

  /// Calls a function that is known by name, and waits for its result.
  ///
  /// - Throws: As the other `call`.
  public func call<Function: RemoteFunction>(
    _ function: Function, timeout: Duration? = nil
  ) async throws -> Function.Result {
    let request = try CallRequest.function(function, chain: nil)
    return try await requireRouter().call(request, in: self, timeout: timeout, as: Function.Result.self)
  }

  /// Calls a function in this context; its result comes to the receiver. Mitogen's `Context.call_async`.
  ///
  /// What cannot be sent is thrown by the receiver too. The function is cancelled when the receiver is closed or let go
  /// before the result has come, and when the time is up; the receiver throws a ``TimeoutError`` then.
  public func callAsync<each Argument: Transferable, Result: Transferable>(
    _ arguments: repeat each Argument, timeout: Duration? = nil,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Result
  ) -> Receiver<Result> {
    startCall(timeout: timeout) {
      try CallRequest.closure(Invocation(function: function), chain: nil, repeat each arguments)
    }
  }

  /// As the other `callAsync`, for functions that return nothing.
  public func callAsync<each Argument: Transferable>(
    _ arguments: repeat each Argument, timeout: Duration? = nil,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Void
  ) -> Receiver<Void> {
    startCall(timeout: timeout) {
      try CallRequest.closure(VoidInvocation(function: function), chain: nil, repeat each arguments)
    }
  }

  /// Calls a function that is known by name; its result comes to the receiver.
  public func callAsync<Function: RemoteFunction>(
    _ function: Function, timeout: Duration? = nil
  ) -> Receiver<Function.Result> {
    startCall(timeout: timeout) { try CallRequest.function(function, chain: nil) }
  }

  /// Calls a function in this context whose result nobody waits for. Mitogen's `Context.call_no_reply`.
  ///
  /// If it throws, the other context logs that.
  ///
  /// - Throws: ``UnsupportedFunctionError`` or an encoding error; nothing is known of the call itself.
  public func callNoReply<each Argument: Transferable>(
    _ arguments: repeat each Argument,
    function: @escaping @Sendable @concurrent (repeat each Argument) async throws -> Void
  ) throws {
    try postCall(CallRequest.closure(VoidInvocation(function: function), chain: nil, repeat each arguments))
  }

  /// Calls a function that is known by name, whose result nobody waits for.
  public func callNoReply(_ function: some RemoteFunction) throws {
    try postCall(CallRequest.function(function, chain: nil))
  }

  func postCall(_ request: [UInt8], handle: Handle = .callFunction) throws {
    let router = try requireRouter()
    var message = Message(destination: id, handle: handle, encoding: .pickle, payload: request)
    router.trace(&message)
    router.post(message)
  }

  func startCall<Result: Sendable & Decodable>(
    handle: Handle = .callFunction, timeout: Duration? = nil, _ request: () throws -> [UInt8]
  ) -> Receiver<Result> {
    startCall(coder: .reply(router: router), handle, timeout, request)
  }

  func startCall(
    handle: Handle = .callFunction, timeout: Duration? = nil, _ request: () throws -> [UInt8]
  ) -> Receiver<Void> {
    startCall(coder: .emptyReply(router: router), handle, timeout, request)
  }

  private func startCall<Result: Sendable>(
    coder: ElementCoder<Result>, _ called: Handle, _ timeout: Duration?, _ request: () throws -> [UInt8]
  ) -> Receiver<Result> {
    let port: any MessagePort = router ?? UnboundPort.shared
    let receiver = Receiver<Result>(
      port: port, persist: false, respondent: id, respondentName: name,
      awaited: AwaitedAnswer(called: called, since: port.coarseNow, timeout: timeout), coder: coder)
    guard let handle = receiver.handle else { return receiver }
    do {
      let router = try requireRouter()
      let payload = try request()
      let timer = timeout.map { timeout in
        CallTimer(
          stop: router.schedule(after: timeout) { [id, weak queue = receiver.core.queue] in
            queue?.close(.failed(TimeoutError("a reply from context \(id)", timeout: timeout)))
          })
      }
      receiver.onAbandon { [id] in withExtendedLifetime(timer) { router.cancelCall(in: id, handle) } }
      var message = Message(destination: id, handle: called, replyTo: handle, encoding: .pickle, payload: payload)
      router.trace(&message)
      router.post(message)
    } catch {
      receiver.fail(error)
    }
    return receiver
  }
}

extension Router {
  /// Sends a call and decodes its result.
  nonisolated func call<Result: Decodable>(
    _ request: [UInt8], in context: Context, handle: Handle = .callFunction, timeout: Duration?, as type: Result.Type
  ) async throws -> Result {
    try CallReply.decode(type, from: try await reply(to: request, in: context, handle, timeout), router: self)
  }

  nonisolated func callForNothing(
    _ request: [UInt8], in context: Context, handle: Handle = .callFunction, timeout: Duration?
  ) async throws {
    try CallReply.check(try await reply(to: request, in: context, handle, timeout), router: self)
  }

  private nonisolated func reply(
    to request: [UInt8], in context: Context, _ handle: Handle, _ timeout: Duration?
  ) async throws -> Message {
    let id = context.id
    if TracingState.isOn { return try await tracedReply(to: request, in: id, handle, timeout) }
    return try await PendingReply.perform(
      Message(destination: id, handle: handle, encoding: .pickle, payload: request), respondent: id, router: self,
      timeout: timeout, isCall: true)
  }

  @inline(never)
  private nonisolated func tracedReply(
    to request: [UInt8], in id: ContextID, _ handle: Handle, _ timeout: Duration?
  ) async throws -> Message {
    var message = Message(destination: id, handle: handle, encoding: .pickle, payload: request)
    try await traceWaiting(&message)
    return try await PendingReply.perform(message, respondent: id, router: self, timeout: timeout, isCall: true)
  }

  /// Tells a context that nobody waits for a call any more; one that does not know what that means is not told.
  nonisolated func cancelCall(in context: ContextID, _ handle: Handle) {
    understands(context) { [weak self] understands in
      guard understands else { return }
      self?.post(
        Message(destination: context, handle: .cancelCall, payload: Array(String(handle.rawValue).utf8)))
    }
  }

  /// Asks, once, whether a context is of our kind; `answer` is called here or later.
  nonisolated func understands(_ context: ContextID, _ answer: @escaping @Sendable (Bool) -> Void) {
    if let known = kinds.withLock({ $0[context] }) { return answer(known) }
    let registration = HandlerRegistration(persists: false, respondent: context)
    let handle = try? register(registration) { [weak self] reply in
      let isOurs = !reply.isDead
      let reason = String(decoding: reply.payload, as: UTF8.self)
      // Only this reason is an answer of the context itself; others are about the way to it.
      if isOurs || reason == DeadReason.invalidHandle {
        let traces = isOurs && reason.split(separator: ",").contains("trace")
        self?.kinds.withLock { $0.set(context, isOurs, traces: traces) }
      }
      answer(isOurs)
    }
    guard let handle else { return answer(false) }
    post(Message(destination: context, handle: .capabilities, replyTo: handle))
  }
}

/// Stops a call's timer when nothing waits for it any more: the receiver lets go of it with its first message.
private final class CallTimer: Sendable {
  private let stop: @Sendable () -> Void

  init(stop: @escaping @Sendable () -> Void) { self.stop = stop }

  deinit { stop() }
}
