import AsyncMitogen

// Services that tests call, also in other processes: found by the names of their types.

/// As in the documentation.
actor Tally: Service {
  init(router: Router) {}
  private var total = 0
  func add(_ amount: Int) -> Int {
    total += amount
    return total
  }
  struct Add: Codable, Sendable { var amount: Int }
  static let add = ServiceMethod<Tally, Add, Int>("add", policy: .allowParents) { counter, arguments in
    counter.add(arguments.amount)
  }
  static let total = ServiceMethod<Tally, NoArguments, Int>("total", policy: .allowAny) { $0.total }
  static var methods: [AnyServiceMethod<Tally>] {
    add
    total
  }
}

/// With a method for each kind of policy.
actor Guarded: Service {
  init(router: Router) {}

  static let any = ServiceMethod<Guarded, NoArguments, String>("any", policy: .allowAny) { _ in "any" }
  static let parents = ServiceMethod<Guarded, NoArguments, String>("parents", policy: .allowParents) { _ in "parents" }
  /// Only the master, which also need not be the parent.
  static let own = ServiceMethod<Guarded, NoArguments, String>(
    "own",
    policy: Policy { request in
      request.service == Guarded.self && request.serviceName == Guarded.name && request.methodName == "own"
        && request.message.source == .master && request.caller.id == .master
    }
  ) { _ in "own" }
  static let all = ServiceMethod<Guarded, NoArguments, String>(
    "all", policy: .allowAny, .allowParents, Policy { $0.message.source != .master }
  ) { _ in "all" }
  static let both = ServiceMethod<Guarded, NoArguments, String>(
    "both", policy: .allowParents && Policy { $0.message.source != .master }
  ) { _ in "both" }

  static var methods: [AnyServiceMethod<Guarded>] {
    any
    parents
    own
    all
    both
  }
}

/// What can go wrong, and what a method sees.
actor Curious: Service {
  private let router: Router

  init(router: Router) { self.router = router }

  struct Everything: Codable, Sendable {
    struct Place: Codable, Sendable { var x: UInt8 }
    var text: String
    var number: Int
    var place: Place?
    var even: Even?
    var context: Context?
  }

  static let take = ServiceMethod<Curious, Everything, String>("take", policy: .allowAny) { _, arguments in
    "\(arguments.text) \(arguments.number)"
  }
  static let fail = ServiceMethod<Curious, NoArguments, Int>("fail", policy: .allowAny) { _ in
    throw DiskFull(device: "sdb")
  }
  static let numbers = ServiceMethod<Curious, Int, Int>("numbers", policy: .allowAny) { $1 }
  static let surroundings = ServiceMethod<Curious, NoArguments, [UInt32]>("surroundings", policy: .allowAny) { _ in
    guard let message = Message.current, let caller = Context.caller, let pool = Pool.current else { return [] }
    let here = ExternalContext.current?.router.contextID.rawValue ?? 99
    return [message.source.rawValue, caller.id.rawValue, pool.router.contextID.rawValue, here]
  }
  static let callBack = ServiceMethod<Curious, NoArguments, Int>("callBack", policy: .allowParents) { _ in
    try await Context.caller?.call { 42 } ?? 0
  }
  static let rest = ServiceMethod<Curious, NoArguments, NoResult>("rest", policy: .allowAny) { _ in }
  static let tell = ServiceMethod<Curious, Told, NoReply>("tell", policy: .allowAny) { _, told in
    try await told.inbox.send(told.value)
    if told.value < 0 { throw Opaque() }
  }
  struct Told: Codable, Sendable {
    var inbox: Sender<Int>
    var value: Int
  }

  static var methods: [AnyServiceMethod<Curious>] {
    take
    fail
    numbers
    surroundings
    callBack
    rest
    tell
  }
}

/// What the tests' methods wait for: it tells a receiver that it is there, and goes on when it is told to.
struct Gate: Codable, Sendable {
  var entered: Sender<Entry>
  var number = 0

  struct Entry: Codable, Sendable {
    var number: Int
    var proceed: Sender<Int>
  }

  /// Returns what it is told, or throws if its task is cancelled; its receiver hears of that as the number -1.
  func pass() async throws -> Int {
    guard let router = Pool.current?.router else { return -2 }
    let receiver = Receiver<Int>(router: router)
    try await entered.send(Entry(number: number, proceed: receiver.sender))
    do { return try await receiver.get() } catch {
      try entered.post(Entry(number: -1, proceed: receiver.sender))
      throw error
    }
  }
}

/// The receiving end of gates.
struct GateKeeper {
  let receiver: Receiver<Gate.Entry>

  init(_ router: Router) { receiver = Receiver(router: router) }

  func gate(_ number: Int = 0) -> Gate { Gate(entered: receiver.sender, number: number) }

  /// Waits until a method has come to its gate.
  func next() async throws -> Gate.Entry { try await receiver.get(timeout: .seconds(20)) }
}

/// Methods that wait at gates, by strategy.
actor Open: Service {
  init(router: Router) {}
  static let pass = ServiceMethod<Open, Gate, Int>("pass", policy: .allowAny) { try await $1.pass() }
  static var methods: [AnyServiceMethod<Open>] { pass }
}

actor InTurn: Service {
  init(router: Router) {}
  private var inside = 0
  private var most = 0

  func pass(_ gate: Gate) async throws -> Int {
    inside += 1
    most = max(most, inside)
    defer { inside -= 1 }
    return try await gate.pass()
  }

  static let pass = ServiceMethod<InTurn, Gate, Int>("pass", policy: .allowAny) { try await $0.pass($1) }
  static let most = ServiceMethod<InTurn, NoArguments, Int>("most", policy: .allowAny) { $0.most }
  static var methods: [AnyServiceMethod<InTurn>] {
    pass
    most
  }
  static var invoker: InvokerStrategy { .serialized }
}

actor Once: Service {
  init(router: Router) {}
  private(set) var count = 0
  func bump() -> Int {
    count += 1
    return count
  }

  struct Question: Codable, Sendable {
    var number: Int
    var gate: Gate?
    var attachment: String?
  }
  static let ask = ServiceMethod<Once, Question, Int>("ask", policy: .allowAny) { once, question in
    let count = once.bump()
    let told = try await question.gate?.pass() ?? 0
    if told < 0 { throw DiskFull(device: "\(question.number)") }
    return 100 * question.number + count
  }
  static let forget = ServiceMethod<Once, Question, NoResult>("forget", policy: .allowAny) { _, question in
    try await Pool.current?.invalidate(Once.ask, question)
  }
  static var methods: [AnyServiceMethod<Once>] {
    ask
    forget
  }
  static var invoker: InvokerStrategy { .deduplicating }
}
