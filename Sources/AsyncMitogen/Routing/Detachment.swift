/// How far a context has come on its way from a child to the root of its own tree. Pure.
///
/// It first gets numbers from the master that nobody else has or will get: contexts below it may have been given others
/// that it does not know of. From the moment when it asks, it does not pass on what those below ask; and it asks behind
/// what they have asked before, on the same way. So all numbers of its tree are below the ones that it gets. Then it
/// tells its parent, which sends nothing more behind its answer; sends what is still to be sent; and closes the link.
struct Detachment: Sendable {
  enum Phase: Sendable, Equatable {
    case attached
    /// The master has been asked for numbers.
    case reserving
    /// The parent has been told.
    case asking
    /// The parent has let go, and gets what is still to be sent.
    case leaving
    case detached
  }

  /// How many requests for numbers of those below may wait.
  static let heldLimit = 1_024

  private(set) var phase = Phase.attached
  /// The first of the numbers that nobody else has.
  private(set) var firstNumber: UInt32?
  private var held: [Message] = []

  /// Whether it has begun and is not over.
  var isGoingOn: Bool { phase != .attached && phase != .detached }

  /// Whether requests for numbers have to wait: whose the numbers are is not decided.
  var holdsRequests: Bool { phase == .reserving || phase == .asking }

  /// Begins; false if it has begun before.
  mutating func begin() -> Bool {
    guard phase == .attached else { return false }
    phase = .reserving
    return true
  }

  /// The master has answered; says whether the parent is to be told.
  mutating func reserve(_ block: Range<UInt32>) -> Bool {
    guard phase == .reserving else { return false }
    firstNumber = block.lowerBound
    phase = .asking
    return true
  }

  /// The parent has answered, and is to be left: there is no way back. Returns the requests that are answered here now;
  /// nil if it has not been asked.
  mutating func acknowledge() -> [Message]? {
    guard phase == .asking else { return nil }
    defer { held = [] }
    phase = .leaving
    return held
  }

  /// The master or the parent refuses; returns the requests that go to the master after all, nil if it is too late.
  mutating func fail() -> [Message]? {
    guard phase == .reserving || phase == .asking else { return nil }
    defer { held = [] }
    phase = .attached
    firstNumber = nil
    return held
  }

  /// The link to the parent is gone; returns the requests that are answered here now.
  mutating func finish() -> [Message] {
    defer { held = [] }
    phase = .detached
    return held
  }

  /// Somebody below asks for numbers, which are not known yet; returns the request if it is to be refused.
  mutating func hold(_ request: Message) -> Message? {
    guard held.count < Detachment.heldLimit else { return request }
    held.append(request)
    return nil
  }
}

/// What a process does beside its router when it detaches.
struct DetachHooks: Sendable {
  /// The parent is about to be left.
  let leaving: @Sendable () -> Void
  /// It has been left.
  let detached: @Sendable () -> Void
}
