/// How a router, and every context below it, behaves.
public struct RouterConfiguration: Sendable {
  /// The largest payload of a message in bytes, 128 MiB by default; the same in the whole tree. Mitogen's
  /// `max_message_size`.
  public var maxMessageSize: Int
  /// Whether contexts may only talk to their parents, not to each other; off by default. Mitogen's `unidirectional`.
  public var unidirectional: Bool
  /// Whether this and all further contexts log everything, each also into a file of its own; off by default. See
  /// ``Router/enableDebug(timeout:)``.
  public var debug: Bool
  /// Whether this and all further processes report at their end where their broker and calls spent the time, into a new file
  /// `/tmp/mitogen.stats.PID.NAME.log`, where the name is `master` or `context-N`; off by default. The environment variable
  /// `MITOGEN_PROFILING` turns it on too, and `MITOGEN_DIAGNOSTICS_DIRECTORY` names another directory. The broker's part is
  /// missing if the broker is your own and was made without `profiling`.
  public var profiling: Bool
  /// Whether this and all further processes write a dump when they get SIGUSR2; off by default. See
  /// ``Router/dumpOnSignal()``.
  public var dumpsOnSignal: Bool
  /// How long children may take to end before they are killed: 5 s by default, and at most 3 s in children.
  public var shutdownTimeout: Duration
  /// How many service methods run at once in each context, 16 by default.
  public var poolSize: Int
  /// How many calls run at once in each child, 1,024 by default; further ones wait in order.
  public var maxConcurrentCalls: Int
  /// How many calls may wait in each child, 65,536 by default; further ones fail.
  public var maxQueuedCalls: Int
  /// Where machines keep this program between visits; nowhere by default. Local contexts need none.
  public var cache: ImageCache
  /// How many contexts on other machines, or of other users, are being started at once from each context: 16 by default,
  /// 0 for any number. Local ones are not counted.
  public var maxConcurrentConnections: Int
  /// How many forks are being made at once in each context, 32 by default, 0 for any number; the others wait in order.
  public var maxConcurrentForks: Int
  /// How often this context and those that are not local to it let hear from each other: 15 s by default. A link over
  /// which nothing has come for four times as long is given up, at both ends; nil never gives up.
  public var keepAliveInterval: Duration?
  /// After how long without anything to do contexts that are started from here, and below, end by themselves; nil, the
  /// default, means never. See ``ConnectionOptions/idleTimeout``.
  public var idleTimeout: Duration?
  /// Where Mitogen and the modules for Python contexts are found: by the `python3` beside this program by default. If nil,
  /// there can be no Python contexts.
  public var python: PythonInstallation?
  /// The broker to use; nil for one of the router's own, which ends with it.
  public var broker: Broker?

  /// Makes a configuration.
  public init(
    maxMessageSize: Int = 128 << 20, unidirectional: Bool = false, debug: Bool = false, profiling: Bool = false,
    shutdownTimeout: Duration = .seconds(5), poolSize: Int = 16, maxConcurrentCalls: Int = 1_024,
    maxQueuedCalls: Int = 65_536, cache: ImageCache = .none, maxConcurrentConnections: Int = 16,
    maxConcurrentForks: Int = 32,
    keepAliveInterval: Duration? = .seconds(15), python: PythonInstallation? = .init(), broker: Broker? = nil,
    dumpsOnSignal: Bool = false,
    idleTimeout: Duration? = nil
  ) {
    self.maxMessageSize = max(0, min(maxMessageSize, Int(UInt32.max)))
    self.unidirectional = unidirectional
    self.debug = debug
    self.profiling = profiling
    self.shutdownTimeout = shutdownTimeout
    self.poolSize = max(1, poolSize)
    self.maxConcurrentCalls = max(1, maxConcurrentCalls)
    self.maxQueuedCalls = max(0, maxQueuedCalls)
    self.cache = cache
    self.maxConcurrentConnections = max(0, maxConcurrentConnections)
    self.maxConcurrentForks = max(0, maxConcurrentForks)
    self.keepAliveInterval = keepAliveInterval
    self.python = python
    self.broker = broker
    self.dumpsOnSignal = dumpsOnSignal
    self.idleTimeout = idleTimeout
  }
}
