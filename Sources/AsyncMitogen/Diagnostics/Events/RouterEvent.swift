/// What happens to a router, its links, its contexts and its service pool. Mitogen's signals, and more.
///
/// From ``Router/events``. More may be added: a `switch` should have a `default`.
public enum RouterEvent: Sendable {
  /// A context is there: one that was started from here, or that a neighbour has announced.
  case connected(Context)
  /// A context can no longer be reached. Mitogen's `disconnect` of contexts.
  case disconnected(Disconnect)
  /// A link to a neighbour carries messages now.
  case linkOpened(LinkDescription)
  /// The router ends, and a link is told so; it goes on until its neighbour has ended. Mitogen's `shutdown` of streams.
  case linkShutdown(LinkDescription)
  /// A link is closed. Mitogen's `disconnect` of streams.
  case linkClosed(LinkDescription)
  /// The process of a context that was started from here has been reaped. Mitogen's `exit` of processes.
  case processExited(Context, ExitStatus)
  /// The service pool takes nothing more, or has ended.
  case pool(PoolEvent)
  /// The router begins to end.
  case shutdown
  /// The router has ended, and with it this sequence. Who begins to observe later hears this alone.
  case exit
  /// The observer was too slow: so many events are missing here.
  case missed(Int)
}

/// A link of a router.
public struct LinkDescription: Sendable, Hashable {
  /// What it is called in logs.
  public let name: String
  /// The context at its other end; nil if it never was up.
  public let contextID: ContextID?
}

/// What happens to a service pool. Mitogen's pools have no signals of their own.
public enum PoolEvent: Sendable, Hashable {
  /// It takes nothing more.
  case shutdown
  /// Nothing runs in it any more, and its services have heard of the end. The sequence ends with it; who begins to observe
  /// later hears this alone.
  case exit
  /// The observer was too slow: so many events are missing here.
  case missed(Int)
}

extension Router {
  /// What happens from now on, for any number of observers, until the router has ended.
  ///
  /// An observer that is more than 4,096 events behind misses the newest, and hears how many.
  public nonisolated var events: AsyncStream<RouterEvent> { eventHub.events() }

  /// A link as events name it.
  func description(of link: LinkIdentifier, _ name: String) -> LinkDescription {
    LinkDescription(name: name, contextID: table.links[link]?.remote)
  }
}

extension Pool {
  /// What happens from now on, for any number of observers, until the pool has ended.
  public nonisolated var events: AsyncStream<PoolEvent> { eventHub.events() }
}
