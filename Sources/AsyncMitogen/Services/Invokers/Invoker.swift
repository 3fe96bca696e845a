/// Decides when the requests to one service run: the logic of an ``InvokerStrategy``, without tasks, locks or clocks.
///
/// A ``Pool`` tells it what happens, one thing after the other, and carries out what it answers. Each request that was
/// admitted has to be answered once, unless it is cancelled first. How many methods run at once is the pool's business:
/// a request that is to run may still wait there. Mitogen's `Invoker`.
public protocol Invoker: Sendable {
  /// A request has come, which its policies allow.
  ///
  /// - Parameter now: The time on a clock that never goes back.
  mutating func admit(_ request: InvokerRequest, now: Duration) -> [InvokerAction]

  /// A request that was to run has run: it has returned or thrown, or was cancelled.
  mutating func finished(_ request: RequestID, _ outcome: ServiceOutcome, now: Duration) -> [InvokerAction]

  /// Nobody waits for a request any more, which has not been answered; it need not be answered now.
  ///
  /// If it is to run no more, or the work that it runs for, answer ``InvokerAction/cancel(_:)``; ``finished(_:_:now:)``
  /// is called in any case for a request that was to run.
  mutating func cancel(_ request: RequestID, now: Duration) -> [InvokerAction]

  /// The pool closes: requests that have not been told to run are to be answered with `outcome`. What is told to run
  /// from now on ends with it too.
  mutating func close(_ outcome: ServiceOutcome) -> [InvokerAction]

  /// What is remembered of earlier requests no longer holds; for invokers that remember.
  ///
  /// - Parameters:
  ///   - method: For which method; for all if nil.
  ///   - arguments: For which arguments; for all if nil.
  mutating func invalidate(method: String?, arguments: PickledValue?)
}

extension Invoker {
  /// Nothing waits in this invoker.
  public mutating func close(_ outcome: ServiceOutcome) -> [InvokerAction] { [] }

  /// Nothing is remembered.
  public mutating func invalidate(method: String?, arguments: PickledValue?) {}
}

/// Names a request in its pool; no number is used twice there.
public struct RequestID: Hashable, Sendable, Comparable {
  let number: UInt64

  /// Makes an identifier, for tests of invokers.
  public init(_ number: UInt64) { self.number = number }

  /// Orders by arrival.
  public static func < (left: RequestID, right: RequestID) -> Bool { left.number < right.number }
}

/// A request, as an ``Invoker`` sees it.
public struct InvokerRequest: Sendable {
  /// Its name.
  public let id: RequestID
  /// The method that it calls.
  public let method: String
  /// The keyword arguments, if the strategy wants to see them; else `none`.
  public internal(set) var arguments: PickledValue
  /// The arguments' digest, if it has been taken already.
  var digest: [UInt8]?

  /// Makes a request.
  public init(_ id: RequestID, method: String, arguments: PickledValue = .none) {
    self.id = id
    self.method = method
    self.arguments = arguments
  }
}

/// What an ``Invoker`` wants done.
public enum InvokerAction: Sendable {
  /// Run the method of a request; once for each.
  case run(RequestID)
  /// Answer a request.
  case answer(RequestID, ServiceOutcome)
  /// Cancel the method that runs, or is to run, for a request.
  case cancel(RequestID)
}

/// How a method ended.
public enum ServiceOutcome: Sendable {
  /// It returned; the pickle of the result.
  case reply([UInt8])
  /// It threw, or could not run.
  case failure(CallError)
  /// It was cancelled.
  case cancelled
  /// It ended, and answers nobody.
  case nothing

  /// Whether there is no result.
  public var isFailure: Bool {
    switch self {
    case .failure, .cancelled: true
    case .reply, .nothing: false
    }
  }
}
