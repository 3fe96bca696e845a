/// What a function that has been called in a context can reach of the tree. Mitogen's `ExternalContext`.
public struct ExternalContext: Sendable {
  /// The one of the call that is going on; nil outside of calls, as in a master.
  public static var current: ExternalContext? { storage }

  @TaskLocal static var storage: ExternalContext?

  /// Binds and reads ``current``.
  static var binding: TaskLocal<ExternalContext?> { $storage }

  /// The router of this context: it can start contexts below this one, and send messages.
  public let router: Router
  /// The context that started this one.
  public var parent: Context { router.context(router.parentIDs.first ?? .master) }
  /// The root of the tree.
  public var master: Context { router.context(.master) }

  init(router: Router) { self.router = router }

  /// Makes this context the root of a tree of its own, which goes on when its parent is gone. Mitogen's `detach`.
  ///
  /// Everything that has been sent by either side arrives first, and contexts below this one stay. The parent sees this
  /// context disconnect; whoever waits there for an answer of it is told, also whoever called the function that detaches:
  /// call it with `callNoReply`. This context keeps its number, and lets go of its parent's descriptors and terminal; its
  /// log records go nowhere, unless ``Logging`` says where. It can be reached by a ``UnixListener`` that is opened before,
  /// and lasts until somebody ends it: a process that has joined by that listener with ``Context/shutdown(wait:)``, or a
  /// signal. Without a listener nobody can reach it any more.
  ///
  /// Once it has begun it goes on, also if the task is cancelled or the time is up: nobody waits for it then. If the parent
  /// is gone meanwhile, it is done. The second time it does nothing.
  ///
  /// - Parameter timeout: How long to wait for it: 30 s by default.
  /// - Throws: ``TimeoutError``, `CancellationError`, ``ChannelError`` if the master or the parent refuses;
  ///   ``StreamError`` if this context is a master, or a process that has joined a tree by a socket.
  public func detach(timeout: Duration = .seconds(30)) async throws { try await router.detach(timeout: timeout) }
}
