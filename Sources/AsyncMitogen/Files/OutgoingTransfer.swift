internal import Synchronization

/// One file on its way to one context: reads it, sends it as far as the window lets it, and ends once.
final class OutgoingTransfer: Sendable {
  /// How the reader expects it.
  enum Form: Sendable {
    /// Mitogen's: pieces, and a dead message at the end of any kind.
    case plain
    /// With a digest, and with errors that say what they are.
    case extended(FileDigest)
  }

  private struct State: Sendable {
    var window: TransferWindow
    /// What was to be sent by others at the last look, and how many pieces ago that last changed.
    var foreground: UInt64
    var quietPieces = OutgoingTransfer.politePieces
    var position: Int
    var failure: (any Error)?
    var waiter: Parked<Void>?
    /// Nil until the handle is registered, and after the end.
    var control: Handle?

    /// Another piece is to be sent, and so much has been sent by others.
    mutating func makeWay(_ foreground: UInt64) {
      quietPieces = foreground == self.foreground ? min(quietPieces + 1, OutgoingTransfer.politePieces) : 0
      self.foreground = foreground
      window.isPolite = quietPieces < OutgoingTransfer.politePieces
    }
  }

  /// For how many pieces it makes way after somebody else has sent something.
  private static let politePieces = 256

  let number: UInt64
  let file: OpenedFile
  let requester: ContextID
  let offset: Int
  let isExtended: Bool
  private let handle: Handle
  private let router: Router
  private let form: Form
  /// How long a plain reader may say nothing, of which nobody hears when it stops reading.
  private let patience: Duration
  private let state: Mutex<State>

  init(
    number: UInt64, file: OpenedFile, to sender: Sender<Message>, from offset: Int, form: Form, window: Int,
    patience: Duration, router: Router
  ) throws {
    self.number = number
    self.file = file
    self.offset = offset
    self.form = form
    self.patience = patience
    self.router = router
    if case .extended = form { isExtended = true } else { isExtended = false }
    requester = sender.contextID
    handle = sender.handle
    let foreground = router.foregroundCount.load(ordering: .relaxed)
    let chunk = isExtended ? TransferWindow.alignedChunk : TransferWindow.wholeChunk
    state = Mutex(State(window: TransferWindow(limit: window, chunk: chunk), foreground: foreground, position: offset))
    let registration = HandlerRegistration(respondent: requester)
    let control = try router.register(registration) { [weak self] in self?.hear($0) }
    state.withLock { $0.control = control }
  }

  deinit { close() }

  /// Where the reader says what it has taken.
  var control: Handle { state.withLock { $0.control } ?? .none }

  /// How much of the file has been sent, with what the reader had before.
  var position: Int { state.withLock { $0.position } }

  /// Lets it be so far ahead of its reader from now on.
  func setWindow(_ limit: Int) {
    change { $0.window.limit = limit }
  }

  /// The reader has taken so many bytes more; false if they were never sent.
  func acknowledge(more size: Int) -> Bool {
    change { $0.window.acknowledge(more: size) }
  }

  /// Ends it with an error, of which the reader hears as far as it can.
  func fail(_ error: any Error) {
    change { if $0.failure == nil { $0.failure = error } }
  }

  /// Sends the file; returns when the last of it is on its way, or it has failed.
  func run() async {
    defer { close() }
    do {
      try await sendAll()
    } catch {
      FileService.log.debug("the transfer of \(file.path) to context \(requester) ends: \(error)")
      end(error)
    }
  }

  private func sendAll() async throws {
    let size = file.metadata.size
    var position = offset
    var digest: FileDigest? = if case .extended(let digest) = form { digest } else { nil }
    // In an empty rest there is nothing that could be kept back until it is known to be right.
    if position >= size { try file.checkUnchanged() }
    while position < size {
      let count = min(try await room(), size - position)
      let bytes = try file.read(at: position, count: count)
      guard bytes.count == count else { throw FileServiceError(.shrank, path: file.path) }
      digest?.update(bytes)
      position += count
      // The last piece goes only when all of it is known to be right: who has all bytes has the file.
      if position == size { try file.checkUnchanged() }
      try send(bytes)
      // Others have files to read too.
      await Task.yield()
    }
    if let digest {
      post(.pickle, try PickleEncoder().encode(FetchEnd(size: size, digest: Blob(digest.finish()))))
    } else {
      postEnd(DeadReason.senderClosed)
    }
  }

  private func send(_ bytes: [UInt8]) throws {
    let failure = state.withLock { state in
      state.window.send(bytes.count)
      state.position += bytes.count
      return state.failure
    }
    if let failure { throw failure }
    post(.binary, bytes)
  }

  private func end(_ error: any Error) {
    switch form {
    case .extended: post(.pickle, CallReply.failure(CallError(describing: error, in: router.contextID)))
    case .plain: postEnd("\(error)")
    }
  }

  private func post(_ encoding: MessageEncoding, _ payload: [UInt8]) {
    send(Message(destination: requester, handle: handle, replyTo: control, encoding: encoding, payload: payload))
  }

  private func postEnd(_ reason: String) {
    send(.dead(reason, destination: requester, source: router.contextID, handle: handle))
  }

  /// All on one way, in its order; others go first.
  private func send(_ message: Message) {
    var message = message
    message.isBulk = true
    router.post(message)
  }

  private func close() {
    let control = state.withLock { state in
      defer { state.control = nil }
      return state.control
    }
    if let control { router.unregister(control) }
  }

  // MARK: the reader

  private func hear(_ message: Message) {
    if message.isDead {
      fail(ChannelError(dead: message, in: router.contextID, respondent: requester))
    } else if message.payload.count <= 20, let total = Int(String(decoding: message.payload, as: UTF8.self)) {
      change { $0.window.acknowledge(total: total) }
    }
  }

  /// Waits until a piece may be sent; returns how large it may be.
  private func room() async throws -> Int {
    let foreground = router.foregroundCount.load(ordering: .relaxed)
    while true {
      let (window, failure) = state.withLock { state in
        state.makeWay(foreground)
        return (state.window, state.failure)
      }
      if let failure { throw failure }
      if let room = window.room { return room }
      // One that waits for its turn waits for another reader, or for its own.
      let isWatched = !isExtended && window.limit > 0
      let stop = isWatched ? router.schedule(after: patience) { [weak self] in self?.giveUp() } : nil
      defer { stop?() }
      await park { parked in
        state.withLock { state in
          if Task.isCancelled, state.failure == nil { state.failure = CancellationError() }
          if state.failure != nil || state.window.room != nil { return () }
          state.waiter = parked
          return nil
        }
      } leave: { [weak self] in
        self?.fail(CancellationError())
      }
    }
  }

  private func giveUp() {
    fail(TimeoutError("waiting for context \(requester) to read \(file.path)", timeout: patience))
  }

  @discardableResult
  private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    let (result, waiter) = state.withLock { state in
      let result = body(&state)
      guard state.failure != nil || state.window.room != nil else { return (result, nil as Parked<Void>?) }
      defer { state.waiter = nil }
      return (result, state.waiter)
    }
    waiter?.resume(())
    return result
  }
}
