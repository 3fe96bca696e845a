internal import Synchronization

/// The files that have been pushed to a context, and the tasks that wait for one.
final class PushShelf: Sendable {
  private struct State: Sendable {
    var index: PushIndex<PushContent>
    var waiters: [String: [Ticket: Parked<Wake>]] = [:]
    var isClosed = false
  }

  private enum Wake: Sendable {
    case arrived
    case cancelled
    case timedOut
    case closed
  }

  private let state: Mutex<State>

  init(limits: PushLimits) { state = Mutex(State(index: PushIndex(limits: limits))) }

  /// The digest and the content of a file; nil if it has not come.
  func find(_ path: String) -> (digest: Blob, content: PushContent)? {
    state.withLock { state in
      guard let digest = state.index.digest(of: path), let content = state.index.content(digest) else { return nil }
      return (digest, content)
    }
  }

  /// Whether there is room for a file of that size.
  func hasRoom(for size: Int) -> Bool { state.withLock { $0.index.hasRoom(for: size) } }

  /// How many bytes, and how many files, are kept.
  var size: (bytes: Int, files: Int) { state.withLock { ($0.index.bytes, $0.index.count) } }

  /// Keeps a file.
  ///
  /// - Throws: ``FileServiceError`` if there is no room.
  func add(_ path: String, _ digest: Blob, _ content: PushContent) throws {
    try change(path) { index in
      guard index.add(path, digest, size: content.size, content) != .full else { throw PushShelf.full(path) }
    }
  }

  /// Gives a file that is there another name; false if it is not there.
  func link(_ path: String, _ digest: Blob) throws -> Bool {
    try change(path) { index in
      guard index.content(digest) != nil else { return false }
      guard index.link(path, digest) else { throw PushShelf.full(path) }
      return true
    }
  }

  static func full(_ path: String) -> FileServiceError {
    FileServiceError(.limit, path: path, detail: "the store of pushed files is full")
  }

  private func change<Result: Sendable>(
    _ path: String, _ body: (inout PushIndex<PushContent>) throws -> Result
  ) throws -> Result {
    let (result, waiters) = try state.withLock { state in
      let result = try body(&state.index)
      let isThere = state.index.digest(of: path) != nil
      return (result, isThere ? state.waiters.removeValue(forKey: path) ?? [:] : [:])
    }
    for waiter in waiters.values { waiter.resume(.arrived) }
    return result
  }

  /// Waits for a file.
  ///
  /// - Throws: ``TimeoutError``, `CancellationError`; ``LatchError`` if the service has ended.
  func get(_ path: String, timeout: Duration?, router: Router) async throws -> PushContent {
    let ticket = Ticket.next()
    let expiry = Expiry()
    let stop = timeout.map { timeout in
      router.schedule(after: timeout) { [weak self] in
        expiry.pass()
        self?.leave(path, ticket, .timedOut)
      }
    }
    defer { stop?() }
    let wake: Wake = await park { parked in
      state.withLock { state in
        if state.index.digest(of: path) != nil { return .arrived }
        if state.isClosed { return .closed }
        if Task.isCancelled { return .cancelled }
        if expiry.isOver { return .timedOut }
        state.waiters[path, default: [:]][ticket] = parked
        return nil
      }
    } leave: { [self] in
      leave(path, ticket, .cancelled)
    }
    switch wake {
    case .arrived:
      guard let found = find(path) else { throw LatchError("\(path) was pushed, and is not there") }
      return found.content
    case .cancelled: throw CancellationError()
    case .timedOut: throw TimeoutError("waiting for \(path) to be pushed", timeout: timeout ?? .zero)
    case .closed: throw LatchError("the service of pushed files has ended")
    }
  }

  private func leave(_ path: String, _ ticket: Ticket, _ wake: Wake) {
    let waiter = state.withLock { state in
      let waiter = state.waiters[path]?.removeValue(forKey: ticket)
      if state.waiters[path]?.isEmpty == true { state.waiters[path] = nil }
      return waiter
    }
    waiter?.resume(wake)
  }

  /// Nothing more comes; those who wait hear of it.
  func close() {
    let waiters = state.withLock { state in
      state.isClosed = true
      defer { state.waiters = [:] }
      return state.waiters.values.flatMap(\.values)
    }
    for waiter in waiters { waiter.resume(.closed) }
  }
}
