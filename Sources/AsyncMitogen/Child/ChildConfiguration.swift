/// What a child is told before anything else: Mitogen's configuration dictionary, as far as it means something here.
struct ChildConfiguration: Codable, Sendable {
  var contextID: ContextID
  /// The nearest first, the master last.
  var parentIDs: [ContextID]
  var debug: Bool
  /// The levels of the loggers '', 'mitogen' and 'mitogen.io'.
  var logLevels: [Int]
  var profiling: Bool
  var unidirectional: Bool
  var maximumMessageSize: Int
  var poolSize: Int
  var maximumConcurrentCalls: Int
  var maximumQueuedCalls: Int
  var maximumConcurrentConnections: Int
  var maximumConcurrentForks: Int
  var cache: ImageCache
  /// How often the parent lets hear from itself; nil if it does not.
  var keepAlive: Duration?
  /// How often it is to let its own children hear from it.
  var keepAliveInterval: Duration?
  /// Whether it writes a dump when it gets the signal for it.
  var dumpsOnSignal: Bool?
  /// After how long without anything to do it ends, and how long it lives at most.
  var idleTimeout: Duration?
  var lifetime: Duration?
  /// What contexts below it are told unless somebody says otherwise.
  var inheritedIdleTimeout: Duration?
  /// What Python contexts below have to be told, in a tree whose master is Python and is not asked for it.
  var python: PythonDescription?
  var version = Mitogen.version

  enum CodingKeys: String, CodingKey {
    case contextID = "context_id"
    case parentIDs = "parent_ids"
    case debug
    case logLevels = "log_levels"
    case profiling
    case unidirectional
    case maximumMessageSize = "max_message_size"
    case poolSize = "pool_size"
    case maximumConcurrentCalls = "max_concurrent_calls"
    case maximumQueuedCalls = "max_queued_calls"
    case maximumConcurrentConnections = "max_concurrent_connections"
    case maximumConcurrentForks = "max_concurrent_forks"
    case cache
    case keepAlive = "keep_alive"
    case keepAliveInterval = "keep_alive_interval"
    case dumpsOnSignal = "dumps_on_signal"
    case idleTimeout = "idle_timeout"
    case lifetime
    case inheritedIdleTimeout = "inherited_idle_timeout"
    case python
    case version
  }

  /// Begins what is sent to a child, before the length of the rest in four bytes.
  static let signature: [UInt8] = Array("AMT1".utf8)
  /// The largest configuration that is read.
  static let sizeLimit = 1 << 20

  /// The bytes that a child reads before frames.
  func greeting() throws -> [UInt8] {
    let body = try PickleEncoder().encode(self)
    let length = UInt32(body.count)
    return ChildConfiguration.signature + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + body
  }

  /// Reads what ``greeting()`` made; `read` returns exactly as many bytes as asked for, or nil at the end.
  init?(reading read: (Int) -> [UInt8]?) {
    guard let head = read(8), Array(head.prefix(4)) == ChildConfiguration.signature else { return nil }
    let length = head[4...].reduce(0) { $0 << 8 | Int($1) }
    guard length <= ChildConfiguration.sizeLimit, let body = read(length),
      let decoded = try? PickleDecoder().decode(ChildConfiguration.self, from: body)
    else { return nil }
    self = decoded
  }

  init(
    contextID: ContextID, parentIDs: [ContextID], debug: Bool, logLevels: [Int], profiling: Bool,
    unidirectional: Bool, maximumMessageSize: Int, poolSize: Int, maximumConcurrentCalls: Int, maximumQueuedCalls: Int,
    maximumConcurrentConnections: Int, maximumConcurrentForks: Int, cache: ImageCache, keepAlive: Duration?,
    keepAliveInterval: Duration?
  ) {
    self.contextID = contextID
    self.parentIDs = parentIDs
    self.debug = debug
    self.logLevels = logLevels
    self.profiling = profiling
    self.unidirectional = unidirectional
    self.maximumMessageSize = maximumMessageSize
    self.poolSize = poolSize
    self.maximumConcurrentCalls = maximumConcurrentCalls
    self.maximumQueuedCalls = maximumQueuedCalls
    self.maximumConcurrentConnections = maximumConcurrentConnections
    self.maximumConcurrentForks = maximumConcurrentForks
    self.cache = cache
    self.keepAlive = keepAlive
    self.keepAliveInterval = keepAliveInterval
  }
}
