internal import Synchronization

/// Runs the calls that come to a context. Mitogen's `Dispatcher`, which runs one at a time.
///
/// Each call is a task on the broker's threads: it runs where its message was read, and if it blocks, it delays only
/// itself.
final class Dispatcher: Sendable {
  private let router: Router
  private let admission: Mutex<CallAdmission>
  private let idle = Mutex<[CheckedContinuation<Void, Never>]>([])
  private let userInfo: [CodingUserInfoKey: any Sendable]
  private let environment: ExternalContext

  static let log = Logger("mitogen.dispatcher")

  init(router: Router, environment: ExternalContext) {
    self.router = router
    self.environment = environment
    userInfo = [.router: router]
    admission = Mutex(
      CallAdmission(
        runningLimit: router.configuration.maxConcurrentCalls, waitingLimit: router.configuration.maxQueuedCalls))
  }

  /// Registers the handles of calls.
  func register() {
    router.callSource.withLock {
      $0 = { self.statistics }
    }
    router.callDump.withLock {
      $0 = { self.dump(into: &$0, $1) }
    }
    // Held until the router ends, and removes its handlers.
    router.add(.callFunction, policy: .parent) { _, message, _ in self.receive(message) }
    router.add(.tracedCall, policy: .parent) { _, message, _ in
      TracingState.turnOn()
      self.receive(message)
    }
    // Anybody may call a service, and cancel that call; functions are called by parents.
    router.add(.cancelCall, policy: nil) { router, message, _ in
      if router.hasParentAuthority(message) { self.cancel(message) }
      router.services.cancel(message)
    }
  }

  private func dump(into dump: inout DumpText, _ now: UInt64) {
    let admission = admission.withLock { $0 }
    dump.section(
      "functions that run (\(admission.runningCount), \(admission.waitingCount) wait)",
      admission.runningCalls.map { call in
        let caller =
          call.key.map { "for context \($0.source), answer to handle \($0.replyTo)" } ?? "nobody waits for it"
        let chain = call.chain.map { ", chain \($0)" } ?? ""
        let cancelled = call.isCancelled ? ", cancelled" : ""
        let age = DumpText.seconds(now > call.since ? now - call.since : 0)
        return "\(CalledName(call.payload)), \(caller)\(chain), for \(age)\(cancelled)"
      })
  }

  private var statistics: CallStatistics {
    admission.withLock { admission in
      var statistics = CallStatistics()
      (statistics.running, statistics.started) = (admission.runningCount, admission.startedCount)
      (statistics.waiting, statistics.waitingBytes) = (admission.waitingCount, admission.waitingBytes)
      return statistics
    }
  }

  /// How many calls run.
  var runningCount: Int { admission.withLock { $0.runningCount } }

  // MARK: calls that come

  private func receive(_ message: Message) {
    guard !message.isDead else { return }
    if message.handle == .tracedCall { return receiveParsed(message) }
    switch CallPreview(message.payload) {
    case .chained: receiveParsed(message)
    case .plain: admit(message, chain: nil)
    }
  }

  /// Takes a call whose chain must be known before it may run.
  private func receiveParsed(_ message: Message) {
    do {
      let call = try ReceivedCall(message.withoutFields.message)
      if let chain = call.chain { return admit(message, chain: chain) }
      if call.isForget {
        let chain = try call.arguments.decode([String].self, userInfo: [:]).first
        if let chain { admission.withLock { $0.forget(chain) } }
        return reply(to: message, Pickle.none)
      }
      admit(message, chain: nil)
    } catch {
      reply(to: message, CallReply.failure(CallError(describing: error, in: router.contextID)))
    }
  }

  private func admit(_ message: Message, chain: String?) {
    switch admission.withLock({ $0.admit(message, chain: chain, at: router.loop.coarseNow) }) {
    case .start(let start): run(start)
    case .queued: break
    case .refused(let reason):
      reply(
        to: message,
        CallReply.failure(
          CallError(typeName: "AsyncMitogen.CallRefused", message: reason, context: router.contextID)))
    }
  }

  private func cancel(_ message: Message) {
    guard !message.isDead, let key = CallAdmission.Key(cancelling: message) else { return }
    admission.withLock { $0.cancel(key) }?.cancel()
  }

  // MARK: running

  private func run(_ start: CallAdmission.Start) {
    let task = Task(executorPreference: router.loop.tasks) { [self] in
      let failure = router.callProfile == nil ? await perform(start) : await performMeasured(start)
      let (next, isIdle) = admission.withLock { admission in
        (admission.finished(start.identifier, failure: failure, at: router.loop.coarseNow), admission.isIdle)
      }
      for start in next { run(start) }
      if isIdle { resumeIdle() }
    }
    if admission.withLock({ $0.setTask(task, of: start.identifier) }) { task.cancel() }
  }

  /// Runs one call and replies; returns the reply if it is a failure.
  private func perform(_ start: CallAdmission.Start) async -> [UInt8]? {
    let message = start.message
    if let failure = start.failure {
      reply(to: message, failure)
      return failure
    }
    if admission.withLock({ $0.takeAbandoned(message) }) {
      let failure = CallReply.failure(CallError(describing: CancellationError(), in: router.contextID))
      reply(to: message, failure)
      return failure
    }
    do {
      let result = try await ExternalContext.binding.withValue(environment) {
        TracingState.isOn ? try await invokeTraced(message) : try await invoke(message)
      }
      reply(to: message, result)
      return nil
    } catch {
      let described = CallError(describing: error, in: router.contextID)
      let failure = CallReply.failure(described)
      // Cancelled because this context ends: that the context is gone is what callers hear, as they do of the others.
      if error is CancellationError, admission.withLock({ $0.isClosed }) { return failure }
      if message.replyTo == .none, start.chain == nil {
        Dispatcher.log.error("No-reply function call failed: \(described)")
      }
      reply(to: message, failure)
      return failure
    }
  }

  // What is seldom wanted is kept apart: it would make the memory that each call takes larger.

  @inline(never)
  private func performMeasured(_ start: CallAdmission.Start) async -> [UInt8]? {
    guard let profile = router.callProfile else { return await perform(start) }
    return await profile.measure(CalledName(start.message.payload).description, router.loop) { await perform(start) }
  }

  @inline(never)
  private func invokeTraced(_ message: Message) async throws -> [UInt8] {
    let (call, fields) = message.withoutFields
    return try await CallTracing.run(TracedCall(call, in: router.contextID, caller: call.source), fields) {
      try await invoke(call)
    }
  }

  private func invoke(_ message: Message) async throws -> [UInt8] {
    if let (invocation, position) = ClosureCalls.shared.find(message.payload) {
      return try await invocation.invoke(CallArguments(message, at: position, userInfo: userInfo))
    }
    let call = try ReceivedCall(message)
    if call.module.hasPrefix(CallRequest.closureModulePrefix) {
      let invocation = try closure(of: call)
      ClosureCalls.shared.remember(message.payload, invocation)
      return try await invocation.invoke(CallArguments(message, at: nil, userInfo: userInfo))
    }
    if call.module == CallRequest.proxyConnectTarget.module, call.function == CallRequest.proxyConnectTarget.function {
      return try await ProxyConnector.connect(call.keywords, router: router, userInfo: userInfo)
    }
    guard call.className == nil,
      let function = RemoteFunctionCache.shared.find(module: call.module, function: call.function)
    else {
      if call.isUpgrade { return Pickle.none }
      throw CallTargetError(
        target: call.target,
        reason: "this program has no RemoteFunction of that name, and runs no Python: call one of its types as "
          + "Module.Type, with its properties as arguments")
    }
    return try await function.invoke(call, userInfo: userInfo)
  }

  private func closure(of call: ReceivedCall) throws -> any AnyInvocation {
    guard call.module == CallRequest.closureModule else {
      throw CallTargetError(
        target: "a closure", reason: "this program is of another build; call a RemoteFunction by its name instead")
    }
    guard let className = call.className, let type = InvocationCache.shared.type(named: className),
      let offset = UInt(call.function, radix: 16), let address = FunctionValue.address(offset: offset),
      let invocation = type.make(code: address)
    else { throw CallTargetError(target: "a closure", reason: "this program has none of that type or at that place") }
    return invocation
  }

  private func reply(to message: Message, _ payload: [UInt8]) {
    guard message.replyTo != .none else { return }
    router.post(
      Message(destination: message.source, handle: message.replyTo, encoding: .pickle, payload: payload))
  }

  // MARK: the end

  /// Cancels what runs, refuses what waits, and waits until nothing runs or the time is over.
  func close(patience: Duration) async {
    let (tasks, waiting) = admission.withLock { $0.close() }
    for task in tasks { task.cancel() }
    for message in waiting {
      reply(
        to: message,
        CallReply.failure(
          CallError(
            typeName: "AsyncMitogen.CallRefused", message: "this context is ending", context: router.contextID)))
    }
    guard runningCount > 0 else { return }
    let loop = router.loop
    await withCheckedContinuation { continuation in
      idle.withLock { $0.append(continuation) }
      _ = loop.schedule(after: patience) { [weak self] in self?.resumeIdle() }
      noticeIdle()
    }
  }

  private func noticeIdle() {
    if admission.withLock({ $0.isIdle }) { resumeIdle() }
  }

  private func resumeIdle() {
    let waiting = idle.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}

/// What the first bytes of a call say: whether it must be read before it is known where it belongs.
enum CallPreview {
  case plain
  case chained

  private static let core = Array(CallRequest.forgetChainTarget.module.utf8)

  /// A call without a chain, of anything but Mitogen's core, begins with a mark, none, and its module.
  init(_ payload: [UInt8]) {
    let core = CallPreview.core
    guard payload.count > 9 + core.count, payload[0] == 0x80, payload[2] == 0x28, payload[3] == 0x4e,
      payload[4] == 0x58
    else {
      self = .chained
      return
    }
    self = payload[9..<9 + core.count].elementsEqual(core) ? .chained : .plain
  }
}

extension ReceivedCall {
  /// What it calls, for people.
  fileprivate var target: String { [module, className, function].compactMap { $0 }.joined(separator: ".") }

  /// Whether it asks for what a context needs to start others, which ours always have.
  fileprivate var isUpgrade: Bool {
    module == CallRequest.proxyConnectTarget.module && className == nil && function == "upgrade_router"
  }

  /// Whether it makes a chain forget its error.
  fileprivate var isForget: Bool {
    let target = CallRequest.forgetChainTarget
    return module == target.module && className == target.className && function == target.function
  }
}

/// What was to be called is not there.
struct CallTargetError: Error, CustomStringConvertible {
  let target: String
  let reason: String

  var description: String { "cannot call \(target): \(reason)" }
}
