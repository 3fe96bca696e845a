/// What a pool has done, and has to do, at one moment; see ``Pool/statistics``.
///
/// Numbers of requests, since the pool was made but for those of what runs and waits now.
public struct PoolStatistics: Codable, Sendable, Equatable {
  /// How many methods, and pieces of deferred work, may run at once.
  public var size: Int
  /// How many run now.
  public var running: Int
  /// How many requests wait now, those included that nobody has looked at yet.
  public var waiting: Int
  /// How many requests were refused before there was a method to count them for: no requests at all, services and
  /// methods that do not exist, services that may not or could not be made, too many that waited, a closed pool.
  public var refused: Int
  /// The services that are there, or being made, in the order of their names.
  public var services: [Service]

  /// What became of the requests to one service.
  public struct Service: Codable, Sendable, Equatable {
    /// Its name.
    public var name: String
    /// All its methods, in the order in which it lists them.
    public var methods: [Method]
  }

  /// What became of the requests to one method: each is counted once.
  public struct Method: Codable, Sendable, Equatable {
    /// Its name.
    public var name: String
    /// How many run now.
    public var running = 0
    /// How many wait now: for room, for their turn, for a result that they share, or for their service to be made.
    public var waiting = 0
    /// How many got what the method returned, also without running it; those that want no answer are among them.
    public var served = 0
    /// How many ended with what the method threw.
    public var failed = 0
    /// How many were refused: by a policy, for their arguments, or because the pool was closed before they could run.
    public var refused = 0
    /// How many were given up by their callers, or cancelled with the context.
    public var cancelled = 0

    /// How many have come to their end, in whatever way.
    public var ended: Int { served + failed + refused + cancelled }
  }

  /// All methods of all services together, without what ``PoolStatistics/refused`` counts.
  public var total: Method {
    var total = Method(name: "")
    for method in services.lazy.flatMap(\.methods) {
      total.running += method.running
      total.waiting += method.waiting
      total.served += method.served
      total.failed += method.failed
      total.refused += method.refused
      total.cancelled += method.cancelled
    }
    return total
  }
}

/// Counts what becomes of the requests to one method.
///
/// Not a value: each request has it at hand. Its pool alone touches it.
final class MethodTally {
  private(set) var count: PoolStatistics.Method

  init(name: String) { count = PoolStatistics.Method(name: name) }

  /// How a request has ended.
  enum End: Sendable {
    case served
    case failed
    case refused
    case cancelled

    init(_ outcome: ServiceOutcome) {
      self =
        switch outcome {
        case .reply, .nothing: .served
        case .failure: .failed
        case .cancelled: .cancelled
        }
    }
  }

  /// A request has come.
  func arrived() { count.waiting += 1 }

  /// A request waits no longer: it runs, or has ended.
  func left() { count.waiting -= 1 }

  /// A method has begun to run.
  func began() { count.running += 1 }

  /// A method runs no longer.
  func stopped() { count.running -= 1 }

  /// A request has ended.
  func ended(_ end: End) {
    switch end {
    case .served: count.served += 1
    case .failed: count.failed += 1
    case .refused: count.refused += 1
    case .cancelled: count.cancelled += 1
    }
  }
}

/// Counts for the methods of one service.
final class ServiceTally {
  /// By ``MethodDescription/index``.
  let methods: [MethodTally]

  init(_ description: ServiceDescription) {
    var names = Array(repeating: "", count: description.methods.count)
    for (name, method) in description.methods { names[method.index] = name }
    methods = names.map { MethodTally(name: $0) }
  }

  var methodCounts: [PoolStatistics.Method] { methods.map(\.count) }
}

extension Pool {
  /// What has been done, and what there is to do, now: for programs that watch it, as often as they like.
  ///
  /// Numbers are counted as requests pass, and cost nothing worth mentioning. Of a pool that has ended, the last ones.
  public var statistics: PoolStatistics {
    if let lastStatistics { return lastStatistics }
    let counts = services.keys.sorted().map { name in
      PoolStatistics.Service(name: name, methods: services[name]?.tally.methodCounts ?? [])
    }
    return PoolStatistics(
      size: size, running: runningCount, waiting: waitingCount, refused: refusedCount + intake.turnedAwayCount,
      services: counts)
  }
}

extension Router {
  /// The pool that answers this context's service calls; nil while there is none. In a function that runs in a child,
  /// `ExternalContext.current?.router.pool`.
  public nonisolated var pool: Pool? { services.pool }
}
