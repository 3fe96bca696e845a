/// What a router has carried and what it holds, at one moment.
///
/// Counters begin at zero with the router and only grow; what is said to be *now* goes up and down. From
/// ``Router/statistics()``. A context returns its own from a call, and so shows any process of the tree:
///
/// ```swift
/// let theirs = try await child.call { await ExternalContext.current?.router.statistics() }
/// ```
public struct RouterStatistics: Sendable, Codable {
  /// The context whose router this is.
  public var contextID: ContextID
  /// What became of the messages that it was given.
  public var messages: MessageCounts
  /// Functions that are called here, and calls from here.
  public var calls: CallStatistics
  /// Service methods that are called here; nil where there is no pool.
  public var services: PoolStatistics?
  /// How many handles are registered now: receivers, handlers, and calls that wait for their result.
  public var handlerCount: Int
  /// How many threads its broker has now.
  public var threadCount: Int
  /// The links to its neighbours, in the order in which they were opened.
  public var streams: [StreamStatistics]
  /// The contexts whose way it knows, in order of their numbers. Those beyond its parent are not among them.
  public var contexts: [ContextStatistics]
}

/// Calls of functions, in both directions.
public struct CallStatistics: Sendable, Codable {
  /// Calls from here, of functions and services, that wait for their result now.
  public var inFlight = 0
  /// Calls of functions here that run now.
  public var running = 0
  /// Calls of functions here that wait now: for room, or for the one before them in their chain.
  public var waiting = 0
  /// How many bytes of messages those hold.
  public var waitingBytes = 0
  /// Calls of functions here that have begun.
  public var started: UInt64 = 0
}

/// One link to a neighbour.
public struct StreamStatistics: Sendable, Codable {
  /// What it is called in logs.
  public var name: String
  /// The context at its other end; nil before that is up.
  public var contextID: ContextID?
  /// The messages that have passed. Bytes are all that were written and read, also before the first message.
  public var traffic: Traffic
  /// How many bytes wait to be written now.
  public var pendingBytes: Int
  /// Whether nothing is read from it now, because what it brings cannot be passed on as fast.
  public var isPaused: Bool
  /// Whether messages to it are refused now, because it has taken nothing for a while.
  public var isStalled: Bool
}

/// One context whose way is known.
public struct ContextStatistics: Sendable, Codable {
  /// Which one.
  public var contextID: ContextID
  /// What it is called here.
  public var name: String?
  /// The neighbour over which it is reached; itself if it is one.
  public var via: ContextID?
  /// The messages that this router has sent or passed on to it, and those that came from it.
  public var traffic: Traffic
  /// Calls from here to it that wait for their result now.
  public var callsInFlight: Int
}
