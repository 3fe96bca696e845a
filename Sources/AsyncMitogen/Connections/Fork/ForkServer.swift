internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// A fork server as the router sees it: a process that is asked, and answers.
final class ForkServer: ReadinessHandler {
  /// The environment that its forks have.
  let environment: [String]
  private let process: ChildProcess
  private let socket: FileDescriptor
  private let output: LineReader
  private let printed = PrintedLines()
  private let broker: Broker
  private let state = Mutex(State())

  private typealias Waiter = CheckedContinuation<ChildProcess?, any Error>

  private struct State {
    var lastNumber: UInt64 = 0
    var waiting: [UInt64: Waiter] = [:]
    /// The forks that run. The server reaps them, and tells.
    var forks: [pid_t: ChildProcess] = [:]
    /// How it ended.
    var end: ExitStatus?
    var endWaiters: [CheckedContinuation<Void, Never>] = []
  }

  /// How long to wait for the server's word on how a fork ended that is known to have.
  private static let wordPatience = Duration.seconds(1)
  /// How long it may take to end when it is not needed any more.
  private static let endPatience = Duration.seconds(1)
  /// The longest text of an answer.
  private static let textLimit = 4_096
  private static let log = Logger("mitogen.fork")

  /// Starts one.
  init(broker: Broker) throws(SystemError) {
    self.broker = broker
    let poller = broker.core.poller
    environment = HostFacts.environment
    let (ours, theirs) = try ForkServer.sockets()
    let (read, write) = try FileDescriptor.pipe(nonblocking: false)
    socket = ours
    process = try ChildProcess(
      path: "/proc/self/exe", arguments: [AMT_FORK_MARKER + LocalConnection.defaultName],
      environment: environment + ["\(AMT_CHILD_VARIABLE)=1"], input: theirs, output: write, error: write,
      poller: poller)
    let printed = printed
    output = LineReader(descriptor: read, poller: poller) { line in
      printed.lines.withLock { $0.append(line) }
      ForkServer.log.info(line)
    }
  }

  /// Whether it has ended.
  var hasEnded: Bool { state.withLock { $0.end != nil } }

  /// The process, for whoever looks at it from outside.
  var processID: pid_t { process.processID }

  /// Begins to hear it.
  func start() throws {
    // The process keeps this as long as it runs.
    process.onExit { [self] status in ended(status) }
    try process.watch()
    try output.start()
    try broker.core.poller.register(socket.number, interest: .readable, keepsAlive: false, handler: self)
  }

  // MARK: asking

  /// Asks, and waits for the answer: the process if one was to be made.
  ///
  /// - Parameter descriptors: What goes along.
  /// - Throws: ``ForkRefusal``; ``ConnectionError`` if the server ends; `CancellationError`. Nothing is left of a process
  ///   that is made nevertheless.
  func ask(_ request: ForkRequest, _ descriptors: [FileDescriptor], timeout: Duration?) async throws -> ChildProcess? {
    let number = state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
    let packet = try request.packet(number: number)
    let timer = timeout.map { timeout in
      broker.schedule(after: timeout) { [self] in
        settle(number, .failure(ConnectionError.timedOut("fork server", timeout)))
      }
    }
    defer { if let timer { broker.cancel(timer) } }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let end = state.withLock { state in
          if state.end == nil { state.waiting[number] = continuation }
          return state.end
        }
        if let end { return continuation.resume(throwing: failure(end)) }
        if Task.isCancelled { return settle(number, .failure(CancellationError())) }
        let numbers = descriptors.map(\.number)
        let result = unsafe amt_send_fork_request(
          socket.number, packet, packet.count, numbers, Int32(numbers.count))
        // One that is about to end says so itself, and how.
        guard result < 0, result != -EPIPE, result != -ECONNRESET else { return }
        settle(number, .failure(SystemError(operation: "fork server", code: -result)))
      }
    } onCancel: {
      settle(number, .failure(CancellationError()))
    }
  }

  private func settle(_ number: UInt64, _ result: Result<ChildProcess?, any Error>) {
    state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(with: result)
  }

  // MARK: answers

  func ready(_ readiness: Readiness) {
    var text = [UInt8](repeating: 0, count: ForkServer.textLimit)
    while true {
      var reply = amt_fork_reply()
      var number: Int32 = -1
      let size = unsafe text.withUnsafeMutableBytes { room in
        unsafe amt_receive_fork_reply(
          socket.number, &reply, room.baseAddress?.assumingMemoryBound(to: CChar.self), room.count, &number)
      }
      let descriptor = number < 0 ? nil : FileDescriptor(number)
      if size == -Int(EAGAIN) { return }
      guard size > 0 else { return giveUp() }
      receive(reply, String(decoding: text[..<(size - 1)], as: UTF8.self), descriptor)
    }
  }

  private func receive(_ reply: amt_fork_reply, _ text: String, _ descriptor: FileDescriptor?) {
    switch Int32(truncatingIfNeeded: reply.kind) {
    case AMT_FORK_STARTED: started(reply.number, reply.process, descriptor)
    case AMT_FORK_PREPARED: settle(reply.number, .success(nil))
    case AMT_FORK_ENDED:
      state.withLock { $0.forks.removeValue(forKey: reply.process) }?.ended(ExitStatus(waitStatus: reply.code))
    case AMT_FORK_REFUSED:
      let error: any Error =
        reply.code == 0 ? ForkRefusal(text: text) : SystemError(operation: "fork", code: reply.code)
      settle(reply.number, .failure(error))
    default: giveUp()
    }
  }

  private func started(_ number: UInt64, _ pid: pid_t, _ pidfd: FileDescriptor?) {
    guard let pidfd else { return giveUp() }
    // Forks keep this: who else would say how they ended?
    let fork = ChildProcess(processID: pid, pidfd: pidfd, poller: broker.core.poller) { [self] pid in
      awaitWord(on: pid)
    }
    let waiter = state.withLock { state in
      state.forks[pid] = fork
      return state.waiting.removeValue(forKey: number)
    }
    if let waiter { waiter.resume(returning: fork) } else { fork.signal(SIGKILL) }
  }

  /// A fork has ended. The server says how, unless something that runs in it was faster to ask the system.
  private func awaitWord(on pid: pid_t) {
    let isSilent = hasEnded
    _ = broker.schedule(after: isSilent ? .zero : ForkServer.wordPatience) { [self] in
      state.withLock { $0.forks.removeValue(forKey: pid) }?.ended(.exited(code: -1))
    }
  }

  // MARK: the end

  /// It is of no use any more.
  func kill() { process.signal(SIGKILL) }

  /// Lets it end, and returns when it has been reaped. Its forks go on.
  func end() async {
    shutdown(socket.number, Int32(SHUT_RDWR))
    let timer = broker.schedule(after: ForkServer.endPatience) { [self] in kill() }
    await withCheckedContinuation { continuation in
      let hasEnded = state.withLock { state in
        if state.end == nil { state.endWaiters.append(continuation) }
        return state.end != nil
      }
      if hasEnded { continuation.resume() }
    }
    broker.cancel(timer)
  }

  /// Its word has ended, or is not to be understood: so it ends. Who waits is told when it is known how.
  private func giveUp() {
    broker.core.poller.unregister(socket.number, handler: self)
    _ = broker.schedule(after: .milliseconds(50)) { [self] in kill() }
  }

  private func ended(_ status: ExitStatus) {
    // What it said before.
    if broker.core.poller.table.withLock({ $0.isRegistered(socket.number, self) }) { ready(.readable) }
    broker.core.poller.unregister(socket.number, handler: self)
    for line in output.finish() { printed.lines.withLock { $0.append(line) } }
    let (waiting, endWaiters) = state.withLock { state in
      state.end = status
      defer { (state.waiting, state.endWaiters) = ([:], []) }
      return (state.waiting, state.endWaiters)
    }
    for (_, waiter) in waiting.sorted(by: { $0.key < $1.key }) { waiter.resume(throwing: failure(status)) }
    for waiter in endWaiters { waiter.resume() }
  }

  private func failure(_ status: ExitStatus) -> ConnectionError {
    var error = ConnectionError.failed("fork server", "it \(status) before it answered")
    error.status = status
    error.lines = printed.lines.withLock { $0.lines }
    return error
  }

  private static func sockets() throws(SystemError) -> (FileDescriptor, FileDescriptor) {
    var numbers: (Int32, Int32) = (-1, -1)
    let result = unsafe withUnsafeMutableBytes(of: &numbers) { bytes in
      unsafe amt_fork_sockets(bytes.baseAddress?.assumingMemoryBound(to: Int32.self))
    }
    _ = try SystemError.check("socketpair", result)
    return (try FileDescriptor(numbers.0).aboveStandard(), try FileDescriptor(numbers.1).aboveStandard())
  }
}

/// What a fork server printed last.
private final class PrintedLines: Sendable {
  let lines = Mutex(LineHistory(lineLimit: 100, byteLimit: 16_384))
}
