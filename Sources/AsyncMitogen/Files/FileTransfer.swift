internal import Synchronization

/// A file that comes from another context: what is known of it, and its content, piece by piece.
///
/// Iterate it once, in one task. It ends when all of the file has come and its digest is right, and throws otherwise; the
/// pieces that came before are not to be trusted then. The server is at most 1 MiB ahead. Whoever stops iterating, lets
/// go of it or is cancelled ends the transfer at the other side too.
public struct FileTransfer: AsyncSequence, Sendable {
  /// Bytes of the file, in order.
  public typealias Element = [UInt8]

  /// What is known of the file beside its content.
  public let metadata: FileMetadata
  /// From where on content comes: what was asked for, or 0 if the file does not begin with what is there already.
  public let offset: Int
  /// Whether the content is checked with a digest, as from all but Python peers.
  public var isChecked: Bool { incoming.isExtended }

  let incoming: IncomingTransfer

  /// Ends the transfer; iterating it throws.
  public func cancel() { incoming.cancel() }

  /// Makes the iterator.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(incoming: incoming) }

  /// Takes the pieces, for one task.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let incoming: IncomingTransfer

    /// Waits for the next piece; nil when all of the file is there, and right.
    ///
    /// - Throws: ``CallError`` if the server cannot go on, with a ``FileServiceError`` of its own; ``FileServiceError`` if what came is
    ///   not the file; ``ChannelError`` if the server is gone; ``TimeoutError``; `CancellationError`.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> [UInt8]? {
      try await incoming.next()
    }
  }
}

/// The reader's side of a transfer; when nobody has it any more, the server hears of that.
final class IncomingTransfer: Sendable {
  private struct State: Sendable {
    var digest: FileDigest
    /// How much of the file is here, with what was here before.
    var position: Int
    /// How much of it the server knows to be here.
    var acknowledged: Int
    var isFinished = false
  }

  /// How much is taken at most before the server hears of it, in bytes. It hears of all when there is nothing to take.
  private static let acknowledgedAtOnce = 256 << 10

  let isExtended: Bool
  private let path: String
  private let size: Int
  private let offset: Int
  private let server: ContextID
  private let receiver: Receiver<Message>
  private let router: Router
  /// Where the server hears what has been read; none if it is a Python peer.
  private let control: Handle
  private let timeout: Duration?
  private let state: Mutex<State>

  init(
    path: String, size: Int, offset: Int, digest: FileDigest, control: Handle?, server: ContextID,
    receiver: Receiver<Message>, timeout: Duration?, router: Router
  ) {
    self.path = path
    self.size = size
    self.offset = offset
    self.server = server
    self.receiver = receiver
    self.router = router
    self.timeout = timeout
    isExtended = control != nil
    self.control = control ?? .none
    state = Mutex(State(digest: digest, position: offset, acknowledged: offset))
  }

  deinit { cancel() }

  /// The server need send nothing more.
  func cancel() {
    let wasFinished = state.withLock { state in
      defer { state.isFinished = true }
      return state.isFinished
    }
    receiver.close()
    // A Python peer goes on until its window is full; it has no way to hear of this.
    guard !wasFinished, isExtended else { return }
    router.post(.dead(DeadReason.receiverClosed, destination: server, source: router.contextID, handle: control))
  }

  /// The next piece; nil at the end of a file that is right.
  func next() async throws -> [UInt8]? {
    do {
      // A receiver gives what is there already also to who is cancelled; there may always be something.
      try Task.checkCancellation()
      while true {
        switch try take(try await message()) {
        case .piece(let bytes): if !bytes.isEmpty { return bytes }
        case .end:
          finish()
          return nil
        }
      }
    } catch {
      cancel()
      throw error
    }
  }

  private func message() async throws -> Message {
    guard !state.withLock({ $0.isFinished }) else {
      throw FileServiceError(.incomplete, path: path, detail: "it was ended")
    }
    acknowledge()
    do {
      return try await receiver.getMessage(timeout: timeout)
    } catch let error as TimeoutError {
      throw TimeoutError("waiting for more of \(path)", timeout: error.timeout)
    }
  }

  private enum Step {
    case piece([UInt8])
    case end
  }

  private func take(_ message: Message) throws -> Step {
    if message.isDead { return try end(message) }
    guard message.encoding == .binary else { return try end(pickled: message) }
    let bytes = message.payload
    try state.withLock { state in
      guard bytes.count <= size - state.position else { throw FileServiceError(.grew, path: path) }
      if isExtended { state.digest.update(bytes) }
      state.position += bytes.count
    }
    // Mitogen's counts each piece by itself.
    if !isExtended {
      let context = Context(router: router, id: server, name: nil)
      try? context.callNoReply(FileService.acknowledgeMethod, FileService.Acknowledgement(size: bytes.count))
    }
    return .piece(bytes)
  }

  /// What stands at the end between contexts of this library, or in its place.
  private func end(pickled message: Message) throws -> Step {
    guard isExtended else { throw FileServiceError(.incomplete, path: path, detail: "something else came") }
    let end = try CallReply.decode(FetchEnd.self, from: message, router: router)
    let (position, digest) = state.withLock { ($0.position, $0.digest) }
    guard end.size == size, position == size else {
      throw FileServiceError(.incomplete, path: path, detail: "\(position) of \(size) bytes")
    }
    guard digest.finish() == end.digest.bytes else { throw FileServiceError(.digestMismatch, path: path) }
    return .end
  }

  /// A dead message is the end that Python peers give; from ours it is never a good one.
  private func end(_ message: Message) throws -> Step {
    let error = ChannelError(dead: message, in: router.contextID, respondent: server)
    let position = state.withLock { $0.position }
    guard !isExtended, error.reason == DeadReason.senderClosed else { throw error }
    guard position == size else {
      throw FileServiceError(.incomplete, path: path, detail: "\(position) of \(size) bytes")
    }
    return .end
  }

  private func finish() {
    state.withLock { $0.isFinished = true }
    receiver.close()
  }

  /// Tells the server what has been taken: before waiting, so that it never waits for what would never be said.
  private func acknowledge() {
    guard isExtended else { return }
    let isEmpty = receiver.size == 0
    let total: Int? = state.withLock { state in
      let count = state.position - state.acknowledged
      guard count > 0, isEmpty || count >= IncomingTransfer.acknowledgedAtOnce else { return nil }
      state.acknowledged = state.position
      return state.position - offset
    }
    guard let total else { return }
    router.post(Message(destination: server, handle: control, payload: Array(String(total).utf8)))
  }
}
