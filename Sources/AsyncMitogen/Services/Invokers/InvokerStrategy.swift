/// How the methods of a service run beside each other; see ``Service/invoker``.
public struct InvokerStrategy: Sendable {
  let make: @Sendable () -> any Invoker
  /// What it wants to know of requests.
  let interest: Interest

  enum Interest: Sendable {
    /// Nothing but their methods.
    case none
    /// Whether the arguments of two are the same.
    case digest
    case arguments
  }

  private init(_ interest: Interest, make: @escaping @Sendable () -> any Invoker) {
    self.make = make
    self.interest = interest
  }

  /// Makes a strategy of your own.
  ///
  /// - Parameters:
  ///   - seesArguments: Whether ``InvokerRequest/arguments`` is wanted, as by default; else requests need not be read.
  ///   - make: Makes the invoker of one service in one pool.
  public static func custom(
    seesArguments: Bool = true, _ make: @escaping @Sendable () -> any Invoker
  ) -> InvokerStrategy { InvokerStrategy(seesArguments ? .arguments : .none, make: make) }

  /// As many at once as the pool has room for: ``ConcurrentInvoker``.
  public static let concurrent = InvokerStrategy(.none) { ConcurrentInvoker() }

  /// One at a time, in the order in which they came: ``SerializedInvoker``.
  public static let serialized = InvokerStrategy(.none) { SerializedInvoker() }

  /// One for all that are the same, whose result is remembered until it has to make room: ``DeduplicatingInvoker``.
  public static let deduplicating = deduplicating()

  /// One for all that are the same, whose result is remembered: ``DeduplicatingInvoker``.
  ///
  /// - Parameters:
  ///   - timeToLive: How long a result is remembered; until it has to make room if nil.
  ///   - remembersFailures: Whether what is thrown is remembered too; not by default.
  ///   - limit: How much is remembered: 1,024 results and 16 MiB by default. The oldest make room.
  public static func deduplicating(
    timeToLive: Duration? = nil, remembersFailures: Bool = false,
    limit: QueueLimit = QueueLimit(messages: 1_024, bytes: 16 << 20)
  ) -> InvokerStrategy {
    InvokerStrategy(.digest) {
      DeduplicatingInvoker(timeToLive: timeToLive, remembersFailures: remembersFailures, limit: limit)
    }
  }
}
