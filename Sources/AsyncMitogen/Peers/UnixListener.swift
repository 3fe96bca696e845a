internal import CAsyncMitogen
internal import Glibc

/// Lets other processes of this machine join the tree, by a socket with a path. Mitogen's `unix.Listener`.
///
/// A process joins with ``withRouter(joining:configuration:policy:timeout:isolation:_:)``, or with Mitogen's
/// `unix.connect`. It becomes a context below the one that listens, with a number from the same allocator, and can be
/// reached from everywhere in the tree; but nobody calls functions in it or ends it, for it is no child. What it may do
/// itself is for the ``UnixPeerPolicy`` to say: the same user, by default, may do what the listening context may.
///
/// The listener lasts until ``close()`` or until its router ends, whether anybody holds it or not; the socket's path is
/// removed then. Those who have joined by it stay until they leave or the router ends.
@safe public actor UnixListener: LaneActor {
  /// The executor of the broker's loop.
  public nonisolated let unownedExecutor: UnownedSerialExecutor
  /// Where the socket is.
  public nonisolated let path: String

  nonisolated let router: Router
  nonisolated let settings: Settings
  private nonisolated let loop: any EventLoop
  private let poller: Poller
  private let socket: ListeningSocket
  private var isClosed = false
  private var closeWaiters: [Ticket: CheckedContinuation<Void, Never>] = [:]
  var arrivals: ArrivalTable<Arrival>
  var joined: Set<ContextID> = []
  /// Who has greeted and has no number yet.
  var joiningCount = 0
  private var observers: [UInt64: AsyncStream<UnixPeer>.Continuation] = [:]
  private var nextObserver: UInt64 = 0

  static let log = Logger("mitogen.unix")

  struct Settings: Sendable {
    let policy: UnixPeerPolicy
    let peerLimit: Int
    let handshakeTimeout: Duration
  }

  /// How long nobody is let in when this process has no descriptor left.
  private static let exhaustionPause = Duration.milliseconds(100)
  /// How many are let in before others get their turn.
  private static let acceptsPerWakeup = 64

  /// Begins to listen.
  ///
  /// - Parameters:
  ///   - router: The router of the context that others are to join.
  ///   - path: Where; `mitogen_unix_….sock` in the directory for temporary files if nil. A socket on which nobody
  ///     listens any more is replaced. A path of more than 107 bytes works if `/proc` is there and the last part is
  ///     short enough; others get to it likewise only by this library, or from its directory.
  ///   - mode: Who may connect, by the permissions of the socket: only this user, and root, by default.
  ///   - backlog: How many may wait to be let in: 100 by default, as in Mitogen.
  ///   - policy: Who is let in, and as what.
  ///   - peerLimit: How many may have joined at a time: 256 by default. Further ones are turned away.
  ///   - handshakeLimit: How many may be connected that have said nothing: 64 by default. When there are more, the one
  ///     that has been silent longest is turned away.
  ///   - handshakeTimeout: How long a client may take to say who it is: 5 s by default.
  /// - Throws: ``UnixSocketError``, ``StreamError`` if the router has ended.
  public init(
    router: Router, path: String? = nil, mode: UInt32 = 0o600, backlog: Int = 100, policy: UnixPeerPolicy = .sameUser,
    peerLimit: Int = 256, handshakeLimit: Int = 64, handshakeTimeout: Duration = .seconds(5)
  ) throws {
    guard let broker = router.broker else { throw StreamError("a simulated router has no sockets") }
    unsafe unownedExecutor = router.loop.lane
    self.router = router
    loop = router.loop
    poller = broker.core.poller
    let path = path ?? ListeningSocket.temporaryPath()
    self.path = path
    settings = Settings(policy: policy, peerLimit: max(1, peerLimit), handshakeTimeout: handshakeTimeout)
    arrivals = ArrivalTable(limit: handshakeLimit)
    socket = try ListeningSocket.open(path, mode: mode & 0o777, backlog: Int32(clamping: max(1, backlog)))
    guard router.listeners.add(self) else {
      socket.removePath()
      throw StreamError("the router has ended")
    }
    do {
      // The end of the router ends it: a broker's does not wait for it.
      try poller.register(
        socket.descriptor.number, interest: .readable, keepsAlive: false, handler: Acceptor(self))
    } catch {
      router.listeners.remove(self)
      socket.removePath()
      throw error
    }
  }

  nonisolated var isOnLane: Bool { loop.holdsLane }

  /// The contexts that have joined by this listener and are there now.
  public var peers: [Context] { joined.sorted().map { router.context($0) } }

  /// Those who join, as they do, for any number of observers.
  ///
  /// An observer that is more than 4,096 behind misses the newest. ``Router/disconnects`` tells who leaves.
  public var joins: AsyncStream<UnixPeer> {
    let (stream, continuation) = AsyncStream.makeStream(of: UnixPeer.self, bufferingPolicy: .bufferingOldest(4_096))
    guard !isClosed else {
      continuation.finish()
      return stream
    }
    nextObserver += 1
    let number = nextObserver
    observers[number] = continuation
    continuation.onTermination = { [weak self] _ in
      self?.loop.enqueue { self?.enter { $0.observers[number] = nil } }
    }
    return stream
  }

  /// Lets nobody in any more, and removes the socket's path. Those who have joined stay.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    socket.removePath()
    poller.unregister(socket.descriptor.number)
    // Whoever waits to be let in finds the end now, and not when the last user of the listener lets go of it.
    _ = amt_replace_descriptor(socket.descriptor.number)
    for arrival in arrivals.removeAll() { end(arrival) }
    router.listeners.remove(self)
    for observer in observers.values { observer.finish() }
    observers = [:]
    for waiter in closeWaiters.values { waiter.resume() }
    closeWaiters = [:]
  }

  /// Waits until the listener is closed; closes it if the waiting task is cancelled.
  public func run() async {
    let ticket = Ticket.next()
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if isClosed { return continuation.resume() }
        closeWaiters[ticket] = continuation
      }
    } onCancel: {
      loop.enqueue { self.enter { $0.close() } }
    }
  }

  // MARK: those who come

  fileprivate func accept() {
    guard !isClosed else { return }
    for _ in 0..<UnixListener.acceptsPerWakeup {
      let number = amt_accept(socket.descriptor.number)
      guard number >= 0 else {
        if number == -EMFILE || number == -ENFILE || number == -ENOMEM || number == -ENOBUFS { pause(code: -number) }
        return
      }
      receive(FileDescriptor(number))
    }
  }

  /// Nobody can be let in: whoever waits goes on waiting, and this process does not spin.
  private func pause(code: Int32) {
    let before = rlimitOfDescriptors()
    if code == EMFILE, amt_raise_descriptor_limit() > before { return }
    UnixListener.log.error("\(path): nobody can be let in now: \(SystemError(operation: "accept", code: code))")
    poller.setInterest(socket.descriptor.number, [])
    _ = loop.schedule(after: UnixListener.exhaustionPause) { [weak self] in
      self?.enter { listener in
        guard !listener.isClosed else { return }
        listener.poller.setInterest(listener.socket.descriptor.number, .readable)
      }
    }
  }

  private func rlimitOfDescriptors() -> UInt64 {
    var limit = rlimit()
    return unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? UInt64(limit.rlim_cur) : .max
  }

  /// Watches a connection until it says who it is.
  func watch(_ descriptor: FileDescriptor, _ number: UInt64) throws {
    try poller.register(
      descriptor.number, interest: .readable, keepsAlive: false, handler: ArrivalReader(self, number))
  }

  /// A connection is closed, or becomes a stream.
  func unwatch(_ arrival: Arrival) {
    loop.cancel(arrival.deadline)
    poller.unregister(arrival.descriptor.number)
  }

  /// Nothing more is heard of a connection for now.
  func ignore(_ arrival: Arrival) { poller.unregister(arrival.descriptor.number) }

  func end(_ arrival: Arrival) {
    unwatch(arrival)
    _ = shutdown(arrival.descriptor.number, Int32(SHUT_RDWR))
  }

  /// The descriptors of a stream.
  func transport(_ descriptor: FileDescriptor) -> DescriptorTransport {
    DescriptorTransport(input: descriptor, output: descriptor, poller: poller, keepsAlive: false)
  }

  func schedule(_ action: @escaping @Sendable (isolated UnixListener) -> Void) -> TimerIdentifier {
    loop.schedule(after: settings.handshakeTimeout) { [weak self] in self?.enter(action) }
  }

  func tell(_ peer: UnixPeer) {
    for (_, observer) in observers.sorted(by: { $0.key < $1.key }) { observer.yield(peer) }
  }
}

/// A process that has joined a tree through a ``UnixListener``.
public struct UnixPeer: Sendable {
  /// The context that it is.
  public let context: Context
  /// Who it is, as the system says.
  public let credentials: UnixCredentials
  /// On whose authority it acts.
  public let authority: UnixPeerAuthority
}

/// Hears that somebody waits to be let in. The poller keeps it; it does not keep the listener.
private final class Acceptor: ReadinessHandler {
  private weak let listener: UnixListener?

  init(_ listener: UnixListener) { self.listener = listener }

  func ready(_ readiness: Readiness) { listener?.enter { $0.accept() } }
}

/// Hears that somebody says who it is.
private final class ArrivalReader: ReadinessHandler {
  private weak let listener: UnixListener?
  private let number: UInt64

  init(_ listener: UnixListener, _ number: UInt64) {
    self.listener = listener
    self.number = number
  }

  func ready(_ readiness: Readiness) { listener?.enter { $0.read(number) } }
}
