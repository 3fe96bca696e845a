internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// Joins the tree of a process that listens.
struct UnixClient: Sendable {
  let path: String
  let broker: Broker
  let policy: UnixPeerPolicy
  let timeout: Duration

  /// How long to wait at a time for a listener that has too many waiting: so often it is looked whether anybody still
  /// wants it.
  private static let patience: Int32 = 100

  func join(_ configuration: RouterConfiguration) async throws -> (Router, Context) {
    let deadline = ContinuousClock.now + timeout
    let socket = try connect(until: deadline)
    let credentials = try UnixCredentials(of: socket)
    guard policy.authority(of: credentials) != nil else {
      throw UnixSocketError(
        .isNotTrusted, path, "the listener is process \(credentials.processID) of user \(credentials.userID)")
    }
    let answer = try await answer(from: socket, until: deadline)
    // The listener obeys the master of its tree, and so do those who obey the listener.
    let parents = answer.listener == .master ? [.master] : [answer.listener, .master]
    let router = Router(
      loop: broker, broker: broker, contextID: answer.client, parentIDs: parents, configuration: configuration)
    router.addStandardHandlers()
    let processID = credentials.processID > 0 ? UInt32(credentials.processID) : answer.process
    router.names.withLock { $0.set(answer.listener, "unix_listener.\(processID)") }
    let transport = DescriptorTransport(
      input: socket, output: socket, poller: broker.core.poller, keepsAlive: false)
    try await router.attachListener(transport)
    return (router, router.context(answer.listener))
  }

  // MARK: connecting

  private func connect(until deadline: ContinuousClock.Instant) throws -> FileDescriptor {
    let place = try place()
    switch try place.connect() {
    case .connected(let socket): return socket
    case .failed(EAGAIN): return try connectWaiting(place, until: deadline)
    case .failed(let code): throw error(of: code)
    }
  }

  private func place() throws(UnixSocketError) -> UnixSocketPath {
    do {
      return try UnixSocketPath(path)
    } catch {
      throw error.code == 0 ? error : self.error(of: error.code)
    }
  }

  private func error(of code: Int32) -> UnixSocketError {
    let text = unsafe String(cString: strerror(code))
    let isNobody = code == ECONNREFUSED || code == ENOENT || code == ENOTDIR
    return UnixSocketError(
      isNobody ? .nobodyListens : code == ENAMETOOLONG ? .invalidPath : .system, path,
      "nobody can be reached there: \(text)", code: code)
  }

  /// As many wait as the listener lets: it can only be waited for by blocking. This delays nobody else, as all code that
  /// blocks.
  private func connectWaiting(
    _ place: UnixSocketPath, until deadline: ContinuousClock.Instant
  ) throws -> FileDescriptor {
    while true {
      try Task.checkCancellation()
      guard ContinuousClock.now < deadline else { throw timedOut }
      let number = amt_unix_socket()
      guard number >= 0 else { throw UnixSocketError("socket", path, code: -number) }
      let socket = FileDescriptor(number)
      let result = unsafe amt_unix_connect_waiting(socket.number, try place.address(), UnixClient.patience)
      if result >= 0 { return socket }
      guard result == -EAGAIN else { throw error(of: -result) }
    }
  }

  private var timedOut: UnixSocketError {
    UnixSocketError(.timedOut, path, "the listener did not answer within \(timeout)", code: ETIMEDOUT)
  }

  // MARK: the handshake

  private func answer(
    from socket: FileDescriptor, until deadline: ContinuousClock.Instant
  ) async throws -> UnixClientHandshake.Answer {
    let greeting = UnixClientHandshake.greeting(process: UInt32(bitPattern: getpid()))
    // Nothing has been written yet, so there is room for it.
    guard unsafe amt_send(socket.number, greeting, greeting.count) == greeting.count else {
      throw UnixSocketError(.refused, path, "it closed the connection at once", code: ECONNRESET)
    }
    let reader = AnswerReader(socket, broker.core.poller)
    let left = ContinuousClock.now.duration(to: deadline)
    let timer = broker.schedule(after: max(.zero, left)) { reader.finish(.failure(timedOut)) }
    defer { broker.cancel(timer) }
    do {
      return try await reader.answer()
    } catch let error as AnswerReader.Failure {
      throw UnixSocketError(.refused, path, error.text, code: error.code)
    }
  }
}

/// Reads what a listener answers.
private final class AnswerReader: ReadinessHandler {
  typealias Answer = UnixClientHandshake.Answer

  struct Failure: Error {
    let text: String
    var code: Int32 = 0
  }

  private struct State: Sendable {
    var handshake = UnixClientHandshake()
    var waiter: CheckedContinuation<Answer, any Error>?
    var result: Result<Answer, any Error>?
  }

  private let socket: FileDescriptor
  private let poller: Poller
  private let state = Mutex(State())

  init(_ socket: FileDescriptor, _ poller: Poller) {
    self.socket = socket
    self.poller = poller
  }

  func answer() async throws -> Answer {
    try poller.register(socket.number, interest: .readable, keepsAlive: true, handler: self)
    defer { poller.unregister(socket.number, handler: self) }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let result = state.withLock { state in
          if state.result == nil { state.waiter = continuation }
          return state.result
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      finish(.failure(CancellationError()))
    }
  }

  /// Ends the wait, once.
  func finish(_ result: Result<Answer, any Error>) {
    let waiter = state.withLock { state -> CheckedContinuation<Answer, any Error>? in
      guard state.result == nil else { return nil }
      state.result = result
      return state.waiter.take()
    }
    waiter?.resume(with: result)
  }

  func ready(_ readiness: Readiness) {
    let missing = state.withLock { $0.result == nil ? $0.handshake.missing : 0 }
    guard missing > 0 else { return }
    var result = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: missing) { buffer, count in
      result = unsafe amt_read(socket.number, buffer.baseAddress, missing, nil, 0)
      count = max(0, result)
    }
    if result == -Int(EAGAIN) || result == -Int(EINTR) { return }
    guard result > 0 else {
      return finish(
        .failure(Failure(text: state.withLock { $0.handshake.whatEndMeans }, code: result < 0 ? Int32(-result) : 0)))
    }
    do {
      // Frames may follow at once: they are for the stream to read.
      guard let answer = try state.withLock({ try $0.handshake.receive(bytes) }) else { return }
      poller.unregister(socket.number, handler: self)
      finish(.success(answer))
    } catch {
      finish(.failure(Failure(text: "\(error)")))
    }
  }
}

extension Router {
  /// Begins to hear the context that listens.
  fileprivate func attachListener(_ transport: any Transport) throws {
    try attachParent(transport, greeting: [], isOfOurKind: false)
  }
}
