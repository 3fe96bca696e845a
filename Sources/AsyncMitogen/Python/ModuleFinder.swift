internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// The Python process beside a master that looks for modules. It answers one question after the other.
final class ModuleFinder: ReadinessHandler {
  /// A question and who wants to know; they are told on the broker's loop, once.
  typealias Answer = @Sendable (Result<Unpickled.Node, PythonUnavailableError>) -> Void

  private struct State: Sendable {
    /// What has come of an answer.
    var received: [UInt8] = []
    /// The first has been asked.
    var questions: [(request: [UInt8], answer: Answer)] = []
    /// Why nothing is answered any more.
    var end: PythonUnavailableError?
    var printed = LineHistory(lineLimit: 20, byteLimit: 8_192)
  }

  private let installation: PythonInstallation
  private let broker: Broker
  private let answerLimit: Int
  private let descriptor: FileDescriptor
  private let process: ChildProcess
  private let errors: FileDescriptor
  private let state = Mutex(State())
  private let reader = Mutex<LineReader?>(nil)

  private static let log = Logger("mitogen.python")

  /// Starts the process.
  ///
  /// - Parameter answerLimit: How long an answer may be: the process is given up over a longer one.
  init(_ installation: PythonInstallation, broker: Broker, answerLimit: Int) throws(PythonUnavailableError) {
    self.installation = installation
    self.broker = broker
    self.answerLimit = answerLimit
    let words =
      installation.interpreter.words + ["-c", ModuleFinderScript.text, installation.mainModule ?? ""]
      + installation.searchPath
    do throws(SystemError) {
      let (ours, theirs) = try FileDescriptor.socketPair(nonblocking: false)
      let (read, write) = try FileDescriptor.pipe(nonblocking: false)
      process = try ChildProcess(
        path: words[0], arguments: words, environment: HostFacts.environment, input: theirs, output: theirs,
        error: write, poller: broker.core.poller)
      (descriptor, errors) = (ours, read)
    } catch {
      let text = unsafe String(cString: strerror(error.code))
      throw ModuleFinder.unavailable(installation, "it cannot be started: \(text)")
    }
    _ = amt_set_nonblocking(descriptor.number, 1)
  }

  /// Begins to hear answers; on the broker's loop.
  func start() throws(SystemError) {
    try broker.core.poller.register(descriptor.number, interest: .readable, keepsAlive: false, handler: self)
    let lines = LineReader(descriptor: errors, poller: broker.core.poller) { [weak self] line in
      ModuleFinder.log.debug(line)
      self?.state.withLock { $0.printed.append(line) }
    }
    try? lines.start()
    reader.withLock { $0 = lines }
    try process.watch()
    process.onExit { [weak self] status in self?.finish("it \(status)") }
  }

  deinit {
    broker.core.poller.unregister(descriptor.number)
    process.signal(SIGKILL)
  }

  /// Whether nothing is answered any more.
  var hasEnded: Bool { state.withLock { $0.end != nil } }

  /// Ends the process; what has not been answered never will be.
  func end() { finish("the router has ended", isExpected: true) }

  /// Asks for something.
  func ask(_ kind: String, _ arguments: [String], _ answer: @escaping Answer) {
    let request: [UInt8]
    do {
      request = try PickleEncoder().encode(PickledValue.tuple([.string(kind), .list(arguments.map { .string($0) })]))
    } catch {
      return answer(.failure(PythonUnavailableError(description: "\(error)")))
    }
    let (isFirst, end) = state.withLock { state -> (Bool, PythonUnavailableError?) in
      guard state.end == nil else { return (false, state.end) }
      state.questions.append((request, answer))
      return (state.questions.count == 1, nil)
    }
    if let end { return answer(.failure(end)) }
    if isFirst { send(request) }
  }

  func ready(_ readiness: Readiness) {
    var chunk: [UInt8] = []
    repeat {
      var count = 0
      chunk = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, filled in
        count = unsafe amt_read(descriptor.number, buffer.baseAddress, 65_536, nil, 0)
        filled = max(0, count)
      }
      if count == 0 { return finish("it has closed its output") }
      state.withLock { $0.received += chunk }
      while deliver() {}
    } while chunk.count == 65_536
  }

  /// Hands over an answer if one is complete.
  private func deliver() -> Bool {
    enum Step {
      case wait, broken
      case answered(body: [UInt8], Answer, next: [UInt8]?)
    }
    let limit = answerLimit
    let step = state.withLock { state -> Step in
      guard state.received.count >= 4 else { return .wait }
      let length = state.received[..<4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= limit, let question = state.questions.first else { return .broken }
      guard state.received.count >= 4 + length else { return .wait }
      let body = Array(state.received[4..<4 + length])
      state.received.removeFirst(4 + length)
      state.questions.removeFirst()
      return .answered(body: body, question.answer, next: state.questions.first?.request)
    }
    switch step {
    case .wait: return false
    case .broken:
      finish("an answer of it is longer than a message may be")
      return false
    case .answered(let body, let answer, let next):
      if let next { send(next) }
      answer(read(body))
      return true
    }
  }

  private func read(_ body: [UInt8]) -> Result<Unpickled.Node, PythonUnavailableError> {
    guard let root = try? Unpickled(body, globals: .denyAll).root, root.isSequence, root.count == 2,
      let isAnswer = root.element(0).boolean
    else { return .failure(ModuleFinder.unavailable(installation, "it answers with something else than a pickle")) }
    if isAnswer { return .success(root.element(1)) }
    return .failure(PythonUnavailableError(description: root.element(1).text ?? "?"))
  }

  /// A question is smaller than what a socket holds, and the one before it has been read.
  private func send(_ request: [UInt8]) {
    let length = UInt32(truncatingIfNeeded: request.count)
    let frame = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + request
    let count = unsafe frame.withUnsafeBytes { unsafe amt_send(descriptor.number, $0.baseAddress, $0.count) }
    if count != frame.count { finish("it does not read") }
  }

  private func finish(_ reason: String, isExpected: Bool = false) {
    broker.core.poller.unregister(descriptor.number)
    for line in reader.withLock({ $0.take() })?.finish() ?? [] { state.withLock { $0.printed.append(line) } }
    process.signal(SIGKILL)
    let (installation, broker) = (installation, broker)
    let (questions, end, isFirst) = state.withLock { state in
      let lines = state.printed.lines.suffix(5).map { "\n  " + $0 }.joined()
      var end = state.end ?? ModuleFinder.unavailable(installation, reason + lines)
      end.isEnd = true
      defer { (state.questions, state.end) = ([], end) }
      return (state.questions, end, state.end == nil)
    }
    if isFirst, !isExpected { ModuleFinder.log.error("no more Python modules can be served: \(end)") }
    guard !questions.isEmpty else { return }
    broker.enqueue { for question in questions { question.answer(.failure(end)) } }
  }

  static func unavailable(_ installation: PythonInstallation, _ reason: String) -> PythonUnavailableError {
    PythonUnavailableError(
      description:
        "no Mitogen to start Python contexts with: \(installation.interpreter.words.joined(separator: " ")), "
        + "\(reason); pip install mitogen, or name another interpreter in RouterConfiguration.python")
  }
}
