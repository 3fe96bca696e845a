@testable import AsyncMitogen

/// Plays a pool for an invoker: methods, room and callers are numbers, chance comes from a seed.
struct InvokerDriver {
  private(set) var invoker: any Invoker
  private(set) var random: RandomSource
  private(set) var now = Duration.zero
  /// Requests whose callers wait.
  private(set) var open: Set<RequestID> = []
  /// Requests that were told to run and have not ended, in the order in which they were told.
  private(set) var running: [RequestID] = []
  /// Those of them that were told to end.
  private(set) var cancelled: Set<RequestID> = []
  /// What happened, in order.
  private(set) var history: [Event] = []
  private(set) var keys: [RequestID: Int] = [:]
  private var lastNumber: UInt64 = 0

  enum Event: Equatable {
    case admitted(RequestID)
    case started(RequestID)
    case ended(RequestID)
    case answered(RequestID, Int)
    case left(RequestID)
  }

  init(_ invoker: any Invoker, seed: UInt64) {
    self.invoker = invoker
    random = RandomSource(seed)
  }

  /// A request with one of so many different arguments.
  @discardableResult
  mutating func admit(key: Int) throws -> RequestID {
    lastNumber += 1
    let id = RequestID(lastNumber)
    keys[id] = key
    open.insert(id)
    history.append(.admitted(id))
    try carryOut(
      invoker.admit(InvokerRequest(id, method: "m", arguments: ["key": .integer(key)]), now: now))
    return id
  }

  /// The method of a request ends; its result is its number.
  mutating func end(_ id: RequestID, failing: Bool = false) throws {
    running.removeAll { $0 == id }
    history.append(.ended(id))
    let outcome: ServiceOutcome =
      if cancelled.contains(id) {
        .cancelled
      } else if failing {
        .failure(CallError(typeName: "T", message: "\(id.number)"))
      } else {
        .reply(try PickleEncoder().encode(Int(id.number)))
      }
    try carryOut(invoker.finished(id, outcome, now: now))
  }

  /// The caller of a request gives up.
  mutating func leave(_ id: RequestID) throws {
    guard open.remove(id) != nil else { return }
    history.append(.left(id))
    try carryOut(invoker.cancel(id, now: now))
  }

  mutating func invalidate(key: Int?) {
    invoker.invalidate(method: "m", arguments: key.map { ["key": .integer($0)] })
  }

  mutating func pass(_ duration: Duration) { now += duration }

  mutating func close() throws {
    try carryOut(invoker.close(.failure(CallError(typeName: "T", message: "closed"))))
  }

  /// Does anything that can be done.
  mutating func step(keys: Int, cancels: Bool = true) throws {
    switch random.below(cancels ? 8 : 6) {
    case 0...2: try admit(key: random.below(keys))
    case 3...5:
      guard !running.isEmpty else { return }
      try end(running[random.below(running.count)], failing: random.below(4) == 0)
    case 6:
      guard let id = open.sorted().dropFirst(random.below(open.count)).first else { return }
      try leave(id)
    default: pass(.milliseconds(random.below(20)))
    }
  }

  /// Lets everything end.
  mutating func drain() throws {
    while let first = running.first { try end(first) }
  }

  struct Broken: Error { let what: String }

  private mutating func carryOut(_ actions: [InvokerAction]) throws {
    for action in actions {
      switch action {
      case .run(let id):
        guard !history.contains(.started(id)) else { throw Broken(what: "\(id) runs twice") }
        history.append(.started(id))
        running.append(id)
      case .answer(let id, let outcome):
        if history.contains(.left(id)) { continue }
        guard open.remove(id) != nil else { throw Broken(what: "\(id) is answered twice") }
        history.append(.answered(id, outcome.number))
      case .cancel(let id):
        guard running.contains(id) else { throw Broken(what: "\(id) does not run and is cancelled") }
        cancelled.insert(id)
      }
    }
  }
}

extension ServiceOutcome {
  /// The number of the request whose method gave the result: negative if it failed, 0 if it was cancelled.
  var number: Int {
    switch self {
    case .reply(let payload): (try? PickleDecoder().decode(Int.self, from: payload)) ?? .min
    case .failure(let error): -(Int(error.message) ?? .max)
    case .cancelled: 0
    case .nothing: .min
    }
  }
}
