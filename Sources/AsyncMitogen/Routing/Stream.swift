internal import Synchronization

/// One link of a router, as an actor on its loop: bytes in, messages out, and the other way.
///
/// Mitogen's `Stream` with its `MitogenProtocol`. It enters the router directly, once for what one wake-up brought: an
/// `AsyncStream` between the two would cost about a microsecond for each message.
@safe actor Stream: ReadinessHandler, LaneActor, LaneRunnable {
  nonisolated let unownedExecutor: UnownedSerialExecutor
  /// The link's name in the router's table.
  nonisolated let link: LinkIdentifier
  /// What it is called in logs.
  nonisolated let name: String

  private let router: Router
  private nonisolated let loop: any EventLoop
  private let transport: any Transport
  private var decoder: FrameDecoder
  private var outgoing = OutgoingQueue()
  private var isFlushScheduled = false
  private var isBlocked = false
  private var isReadingPaused = false
  private(set) var isClosed = false
  /// Nothing is sent any more behind what waits, and then the other side is told so.
  private var isFinishing = false
  /// How many bytes have been written since the stream began.
  private(set) var writtenBytes: UInt64 = 0
  /// How many bytes have been read since the stream began.
  private(set) var receivedBytes: UInt64 = 0
  /// How many messages have been queued, and have come, since the stream began.
  private var sentMessages: UInt64 = 0
  private var receivedMessages: UInt64 = 0
  private var received: [Message] = []
  private var dialogue: StartDialogue?
  private var dialogueActs: (@Sendable (StartDialogue.Action) -> Void)?
  /// Where an image that is being sent begins and ends among the bytes of the stream.
  private var upload: (start: UInt64, end: UInt64)?
  /// How fast that may be written, if not as fast as the system takes it.
  private var pace: UploadPace?
  private var paceTimer: TimerIdentifier?

  /// How often one wake-up may read before others get their turn.
  private static let readsPerWakeup = 8

  init(
    link: LinkIdentifier, name: String, router: Router, loop: any EventLoop, transport: any Transport,
    maximumMessageSize: Int
  ) {
    unsafe unownedExecutor = loop.lane
    self.link = link
    self.name = name
    self.router = router
    self.loop = loop
    self.transport = transport
    decoder = FrameDecoder(limit: maximumMessageSize)
  }

  nonisolated var isOnLane: Bool { loop.holdsLane }

  nonisolated func runOnLane() { enter { $0.flush() } }

  /// What has passed since the stream began.
  var traffic: Traffic {
    var traffic = Traffic()
    (traffic.sentMessages, traffic.sentBytes) = (sentMessages, writtenBytes)
    (traffic.receivedMessages, traffic.receivedBytes) = (receivedMessages, receivedBytes)
    return traffic
  }

  /// How many bytes wait to be written. Mitogen's `pending_bytes`.
  var pendingBytes: Int { outgoing.count }

  /// Starts to hear of bytes. With a dialogue, lines are read until it is over, and frames from there on.
  ///
  /// - Parameters:
  ///   - beginning: Bytes that have been read already.
  ///   - acts: Does what the dialogue asks for; is told of its end once.
  func start(
    dialogue: StartDialogue? = nil, beginning: [UInt8] = [],
    acts: (@Sendable (StartDialogue.Action) -> Void)? = nil
  ) throws {
    self.dialogue = dialogue
    dialogueActs = acts
    try transport.start(self)
    guard !beginning.isEmpty else { return }
    decoder.restore(beginning)
    _ = process()
  }

  // MARK: sending

  /// Queues a message; it is written at the end of the loop's turn.
  func send(_ message: Message) {
    guard !isClosed, !isFinishing else { return }
    outgoing.append(message)
    sentMessages &+= 1
    // Only the lane writes it.
    if !message.isBulk {
      router.foregroundCount.store(router.foregroundCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
    scheduleFlush()
  }

  /// Queues bytes that are not a message.
  func send(raw bytes: [UInt8]) {
    guard !isClosed else { return }
    outgoing.append(bytes)
    scheduleFlush()
  }

  /// Queues a program; the router is told how much of it is on its way.
  ///
  /// - Parameter isNear: Whether the other side is on this machine: what it has not read stays where it is.
  func send(image payload: ImagePayload, isNear: Bool) {
    guard !isClosed else { return }
    if payload.tellsOfReading, !isNear { pace = UploadPace() }
    let start = writtenBytes + UInt64(outgoing.count)
    upload = (start, start + UInt64(payload.announcement.count + payload.bytes.count))
    send(raw: payload.announcement)
    guard pace != nil else { return send(raw: payload.bytes) }
    var rest = payload.bytes[...]
    while !rest.isEmpty {
      send(raw: Array(rest.prefix(UploadPace.pieceSize)))
      rest = rest.dropFirst(UploadPace.pieceSize)
    }
  }

  /// What is sent is read from now on.
  func imageIsRead() {
    pace?.readingHasBegun(at: loop.now)
    if let paceTimer { loop.cancel(paceTimer) }
    paceTimer = nil
    flush()
  }

  /// Whether nothing may be written now; it will be when the time has come.
  private func isTooEarly() -> Bool {
    guard let delay = pace?.delay(at: loop.now) else { return false }
    if paceTimer == nil {
      paceTimer = loop.schedule(after: delay) { [weak self] in
        self?.enter { stream in
          stream.paceTimer = nil
          stream.flush()
        }
      }
    }
    return true
  }

  private func takeNote(of count: Int) {
    writtenBytes += UInt64(count)
    pace?.wrote(count, at: loop.now)
    if let upload, writtenBytes >= upload.end { pace = nil }
  }

  private func reportUpload() {
    guard let upload else { return }
    let sent = min(writtenBytes, upload.end) - min(writtenBytes, upload.start)
    if writtenBytes >= upload.end { self.upload = nil }
    let (link, total) = (link, upload.end - upload.start)
    router.enter { $0.streamSendsImage(link, sent: Int(sent), total: Int(total)) }
  }

  /// Ends this side of the link behind what waits to be written; what comes is still read.
  func finishSending() {
    guard !isClosed, !isFinishing else { return }
    isFinishing = true
    flush()
  }

  private func scheduleFlush() {
    guard !isFlushScheduled, !isBlocked else { return }
    isFlushScheduled = true
    loop.enqueueAtEndOfTurn(self)
  }

  /// Writes what can be written now.
  func flush() {
    isFlushScheduled = false
    guard !isClosed else { return }
    while !outgoing.isEmpty {
      if isTooEarly() { break }
      switch writeOnce() {
      case .bytes(let count): takeNote(of: count)
      case .wouldBlock:
        setBlocked(true)
        return reportPending()
      case .end:
        // What the other side sent before it went is still there to be read; its end is found there.
        outgoing.removeAll()
        return setBlocked(false)
      }
    }
    setBlocked(false)
    if isFinishing { transport.finishWriting() }
    reportPending()
  }

  private func writeOnce() -> TransportResult {
    var result = TransportResult.wouldBlock
    if outgoing.isOnePiece {
      outgoing.withFirstPiece { piece, offset in
        result = transport.write(piece, offset: offset)
        if case .bytes(let count) = result { return count }
        return 0
      }
      return result
    }
    _ = outgoing.withPieces(limit: pace == nil ? OutgoingQueue.pieceLimit : 1) { pieces, offset in
      result = transport.write(pieces, offset: offset)
      if case .bytes(let count) = result { return count }
      return 0
    }
    return result
  }

  private func setBlocked(_ blocked: Bool) {
    guard isBlocked != blocked else { return }
    isBlocked = blocked
    updateInterest()
  }

  private func reportPending() {
    if upload != nil { reportUpload() }
    let (pending, link) = (outgoing.count, link)
    router.enter { $0.streamIsPending(link, pending) }
  }

  // MARK: receiving

  /// Whether what comes is read.
  var isListening: Bool { !isReadingPaused }

  /// Stops or resumes reading, when what comes in cannot be passed on.
  func pauseReading(_ paused: Bool) {
    guard isReadingPaused != paused, !isClosed else { return }
    isReadingPaused = paused
    updateInterest()
  }

  private func updateInterest() {
    guard !isClosed else { return }
    var interest: Readiness = isReadingPaused ? [] : .readable
    if isBlocked { interest.insert(.writable) }
    transport.setInterest(interest)
  }

  nonisolated func ready(_ readiness: Readiness) { enter { $0.handle(readiness) } }

  private func handle(_ readiness: Readiness) {
    guard !isClosed else { return }
    if readiness.contains(.writable) { flush() }
    if !readiness.isDisjoint(with: [.readable, .hangUp]) {
      receive(untilEmpty: !readiness.isDisjoint(with: [.ended, .hangUp]))
    }
  }

  /// Reads what is there, for a while.
  ///
  /// - Parameter untilEmpty: Whether a read that brings less than it could is followed by another. Without that, what
  ///   comes later is told of; but of an end that has been told of with the data before it nothing more is heard.
  private func receive(untilEmpty: Bool) {
    for _ in 0..<Stream.readsPerWakeup {
      var capacity = 0
      var result = TransportResult.wouldBlock
      _ = unsafe decoder.receive { first, second in
        capacity = first.count + second.count
        result = unsafe transport.read(first, second)
        if case .bytes(let count) = result { return count }
        return 0
      }
      switch result {
      case .wouldBlock: return
      case .end: return close(.ended(isAtBoundary: decoder.isAtBoundary))
      case .bytes(let count):
        receivedBytes &+= UInt64(count)
        guard process(), !isClosed else { return }
        // Less than there was room for: nothing is left, or the poller will say so.
        if isReadingPaused || count < capacity && !untilEmpty { return }
      }
    }
    // More may be there, which is told of once others have had their turn.
    transport.tellAgain()
  }

  /// Handles what the decoder holds; false if the stream has been closed for it.
  private func process() -> Bool {
    if dialogue != nil, !converse() { return false }
    guard dialogue == nil else { return true }
    do {
      while let message = try decoder.next() { received.append(message) }
    } catch {
      deliver()
      close(.corrupt(error))
      return false
    }
    deliver()
    return true
  }

  private func deliver() {
    guard !received.isEmpty else { return }
    receivedMessages &+= UInt64(truncatingIfNeeded: received.count)
    var batch: [Message] = []
    swap(&batch, &received)
    let link = link
    let messages = batch
    router.enter { router in
      for message in messages { router.receive(message, from: link) }
    }
    guard received.isEmpty else { return }
    swap(&batch, &received)
    received.removeAll(keepingCapacity: true)
  }

  /// Goes on with the dialogue; false if the stream has been closed for it.
  private func converse() -> Bool {
    let bytes = decoder.takeRaw()
    guard var current = dialogue else { return true }
    let (actions, rest) = current.receive(bytes)
    dialogue = current
    decoder.restore(rest)
    for action in actions {
      let acts = dialogueActs
      switch action {
      case .sendImage, .sendGreeting, .imageIsRead: break
      case .ready:
        dialogue = nil
        dialogueActs = nil
      case .failed: dialogueActs = nil
      }
      acts?(action)
      guard case .failed = action else { continue }
      close(.bootstrapFailed)
      return false
    }
    return !isClosed
  }

  // MARK: the end

  /// Closes the link at once; what waits to be written is lost. The router is told.
  func close(_ reason: StreamEnd) {
    guard !isClosed else { return }
    isClosed = true
    if let paceTimer { loop.cancel(paceTimer) }
    transport.close()
    outgoing.removeAll()
    if let acts = dialogueActs {
      dialogueActs = nil
      acts(.failed(dialogue?.ended() ?? .ended(lines: [])))
    }
    let link = link
    router.enter { $0.streamEnded(link, reason) }
  }
}

/// Why a stream is closed.
enum StreamEnd: Sendable, Equatable {
  /// The other side closed it, or this one on purpose; not at a boundary if in the middle of a frame.
  case ended(isAtBoundary: Bool)
  case corrupt(FrameError)
  case bootstrapFailed
}
