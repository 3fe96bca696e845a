internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// Leads a dialogue over a descriptor, on the lane, until the first stage runs; after that it only tells the lines.
///
/// It takes the place of a ``LineReader`` for programs that ask.
final class LoginReader: ReadinessHandler {
  /// What becomes of it.
  enum Event: Sendable {
    case line(String, isDebug: Bool)
    case failed(any Error)
    /// The first stage runs on the same descriptor, and these bytes have been read of what it says. Nothing more is
    /// read here.
    case started([UInt8])
  }

  private struct State {
    var dialogue: LoginDialogue
    var timer: TimerIdentifier?
    var question: Task<Void, Never>?
    var isClosed = false
  }

  private let descriptor: FileDescriptor
  private let poller: Poller
  private let loop: any EventLoop
  private let authenticate: Authenticator?
  private let tell: @Sendable (Event) -> Void
  private let state: Mutex<State>

  /// How much is read at once, and in one turn.
  private static let chunkSize = 16_384
  private static let chunksPerTurn = 4
  private static let chunksAtEnd = 64

  /// Makes a reader.
  ///
  /// - Parameters:
  ///   - descriptor: Where the program asks and what is typed goes.
  ///   - authenticate: Answers what the dialogue has no answer to; nil answers nothing.
  ///   - tell: Is told what becomes of it, on the lane.
  init(
    descriptor: FileDescriptor, dialogue: LoginDialogue, poller: Poller, loop: any EventLoop,
    authenticate: Authenticator?, tell: @escaping @Sendable (Event) -> Void
  ) {
    self.descriptor = descriptor
    self.poller = poller
    self.loop = loop
    self.authenticate = authenticate
    self.tell = tell
    state = Mutex(State(dialogue: dialogue))
    _ = amt_set_nonblocking(descriptor.number, 1)
  }

  deinit { close() }

  /// Starts to read.
  func start() throws {
    try poller.register(descriptor.number, interest: .readable, keepsAlive: false, handler: self)
  }

  /// Stops reading for a while, or goes on.
  func pause(_ paused: Bool) { poller.setInterest(descriptor.number, paused ? [] : .readable) }

  /// The first stage runs: nothing is answered any more.
  func succeed() {
    state.withLock { $0.dialogue.succeed() }
    stopWaiting()
  }

  /// A question that nobody answered, for the error that says that time is up.
  var unansweredPrompt: String? { state.withLock { $0.dialogue.unansweredPrompt } }

  /// Stops, and returns the lines that are still there.
  func finish() -> [String] {
    guard !state.withLock({ $0.isClosed }) else { return [] }
    var actions: [LoginDialogue.Action] = []
    read(limit: LoginReader.chunksAtEnd) { actions += $0 }
    close()
    actions += state.withLock { $0.dialogue.finish() }
    return actions.compactMap { if case .log(let line, _) = $0 { line } else { nil } }
  }

  /// Stops.
  func close() {
    let wasOpen = state.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    guard wasOpen else { return }
    poller.unregister(descriptor.number)
    stopWaiting()
  }

  func ready(_ readiness: Readiness) {
    guard !state.withLock({ $0.isClosed }) else { return }
    let isAtEnd = read(limit: LoginReader.chunksPerTurn) { perform($0) }
    if isAtEnd {
      perform(state.withLock { $0.dialogue.finish() })
      return close()
    }
    watchSilence()
  }

  // MARK: reading

  /// Reads what is there; true at the end. A terminal's end is an error, as its other side is gone.
  @discardableResult
  private func read(limit: Int, _ body: ([LoginDialogue.Action]) -> Void) -> Bool {
    for _ in 0..<limit where !state.withLock({ $0.isClosed }) {
      var result = 0
      let chunk = unsafe [UInt8](unsafeUninitializedCapacity: LoginReader.chunkSize) { buffer, count in
        result = unsafe amt_read(descriptor.number, buffer.baseAddress, LoginReader.chunkSize, nil, 0)
        count = max(0, result)
      }
      guard result > 0 else { return result != -Int(EAGAIN) && result != -Int(EINTR) }
      body(state.withLock { $0.dialogue.receive(chunk) })
    }
    return false
  }

  /// What may be a question is one if nothing follows.
  private func watchSilence() {
    stopTimer()
    guard state.withLock({ $0.dialogue.isUndecided && !$0.isClosed }) else { return }
    let timer = loop.schedule(after: .milliseconds(LoginDialogue.settlingMilliseconds)) { [weak self] in
      guard let self else { return }
      perform(state.withLock { $0.isClosed ? [] : $0.dialogue.settled() })
    }
    state.withLock { $0.timer = timer }
  }

  private func stopTimer() {
    if let timer = state.withLock({ $0.timer.take() }) { loop.cancel(timer) }
  }

  private func stopWaiting() {
    stopTimer()
    state.withLock { $0.question.take() }?.cancel()
  }

  // MARK: acting

  private func perform(_ actions: [LoginDialogue.Action]) {
    for action in actions {
      switch action {
      case .type(let secret): type(secret)
      case .ask(let request): ask(request)
      case .fail(let failure): tell(.failed(failure.error))
      case .log(let line, let isDebug): tell(.line(line, isDebug: isDebug))
      case .started(let bytes):
        close()
        tell(.started(bytes))
      }
    }
  }

  private func type(_ secret: Secret) {
    let bytes = Array((secret.reveal() + "\n").utf8)
    // A terminal's buffer is empty when something is asked; a program that is gone is noticed where it is read.
    _ = unsafe write(descriptor.number, bytes, bytes.count)
  }

  private func ask(_ request: AuthenticationRequest) {
    guard let authenticate else { return perform(state.withLock { $0.dialogue.answer(nil) }) }
    let loop = loop
    let task = Task(executorPreference: loop.tasks) { [weak self] in
      let answer: Result<Secret?, any Error>
      do { answer = .success(try await authenticate(request)) } catch { answer = .failure(error) }
      guard !Task.isCancelled else { return }
      loop.enqueue { self?.answered(answer) }
    }
    state.withLock { $0.question = task }
  }

  private func answered(_ answer: Result<Secret?, any Error>) {
    guard !state.withLock({ $0.isClosed }) else { return }
    switch answer {
    case .success(let secret):
      perform(state.withLock { $0.dialogue.answer(secret) })
      watchSilence()
    case .failure(let error):
      state.withLock { $0.dialogue.succeed() }
      tell(.failed(error))
    }
  }
}
