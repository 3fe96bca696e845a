import Synchronization
import Testing

@testable import AsyncMitogen

/// Each strategy in a real pool, in a simulated tree: who is called when, who gives up when, in a thousand orders each.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct SimulatedInvokerTests {
  static let seeds = UInt64(0)..<1_000

  /// Plays all seeds on a thread of its own; `check` gets what has happened, and says what is wrong with it.
  private func play<Kind: DeskKind>(
    _ kind: Kind.Type, _ check: @escaping @Sendable (DeskBook) -> [String]
  ) async -> (calls: Int, runs: Int, cancelled: Int) {
    let (problems, calls, runs, cancelled) = await onOwnThread {
      var problems: [String] = []
      var (calls, runs, cancelled) = (0, 0, 0)
      for seed in Self.seeds {
        let book = DeskScenario<Kind>(seed: seed).play()
        problems += (book.commonProblems + check(book)).map { "seed \(seed): \($0)" }
        calls += book.calls
        runs += book.runs.count
        cancelled += book.runs.count { $0.wasCancelled }
      }
      return (problems, calls, runs, cancelled)
    }
    #expect(problems.isEmpty, "\(problems.prefix(10))")
    return (calls, runs, cancelled)
  }

  @Test func `concurrent: each once, with its own result, and no more at once than there is room for`() async {
    let totals = await play(ConcurrentDesk.self) { book in
      book.problemsOfOwnRuns + (book.most <= book.size ? [] : ["\(book.most) at once, of \(book.size)"])
    }
    // It has all happened, many times.
    #expect(totals.runs > 8_000 && totals.cancelled > 500)
  }

  @Test func `serialized: each once, in order, one at a time`() async {
    let totals = await play(SerializedDesk.self) { book in
      let byCaller = Dictionary(grouping: book.runs, by: \.errand.caller)
      let disorder = byCaller.filter { $0.value.map(\.errand.number) != $0.value.map(\.errand.number).sorted() }
      return book.problemsOfOwnRuns + (book.most <= 1 ? [] : ["\(book.most) at once"])
        + disorder.keys.sorted().map { "the calls of \($0) are out of order" }
    }
    #expect(totals.runs > 8_000 && totals.cancelled > 150)
  }

  @Test func `deduplicating: one execution for all that are the same`() async {
    let totals = await play(DeduplicatingDesk.self) { book in
      var problems: [String] = book.overlaps.map { "two run for the key \($0)" }
      for (key, answers) in Dictionary(grouping: book.answers, by: { $0.errand.key }) {
        let results = Set(answers.map(\.result))
        if results.count > 1 { problems.append("the key \(key) has the results \(results.sorted())") }
        let own = book.runs.filter { $0.errand.key == key && !$0.wasCancelled }.map(\.number)
        if !results.isSubset(of: own) { problems.append("\(results) is no result of the key \(key)") }
      }
      // What succeeds is remembered.
      problems += book.repetitions.map { "the key \($0) runs though its result is known" }
      return problems
    }
    // Far fewer than there are calls.
    #expect(totals.runs > 3_000 && totals.runs * 3 < totals.calls * 2 && totals.cancelled > 300)
  }
}

/// What has happened to calls of a desk.
struct DeskBook {
  struct Run {
    var number: Int
    var errand: Errand
    var wasCancelled = false
    var hasEnded = false
  }

  var size = 0
  var calls = 0
  var settled = 0
  /// The results, by what was asked.
  var answers: [(errand: Errand, result: Int)] = []
  var failures: [String] = []
  var runs: [Run] = []
  var inside = 0
  var most = 0
  /// Keys for which something has begun to run while something else ran that was not cancelled.
  var overlaps: [Int] = []
  /// Keys for which something has begun to run when somebody had a result already.
  var repetitions: [Int] = []
  var isDone = false
  /// Whether the pool was closed while some who had given up had not been heard of.
  var closedEarly = false
  var statistics: PoolStatistics?

  mutating func begin(_ errand: Errand) -> Int {
    if runs.contains(where: { $0.errand.key == errand.key && !$0.wasCancelled && !$0.hasEnded }) {
      overlaps.append(errand.key)
    }
    if answers.contains(where: { $0.errand.key == errand.key }) { repetitions.append(errand.key) }
    runs.append(Run(number: runs.count, errand: errand))
    inside += 1
    most = max(most, inside)
    return runs.count - 1
  }

  mutating func end(_ number: Int) {
    runs[number].hasEnded = true
    inside -= 1
  }

  /// What must not happen with any strategy.
  var commonProblems: [String] {
    var problems: [String] = []
    if !isDone { problems.append("it has no end") }
    if settled != calls { problems.append("\(calls - settled) of \(calls) calls have no end") }
    if inside != 0 { problems.append("\(inside) still run") }
    // Those that wait for ever are always given up: somebody has told them.
    problems += runs.filter { $0.errand.isEndless && !$0.wasCancelled }.map { "\($0.errand) was not cancelled" }
    problems += failures.filter { $0 != "failing" }
    guard let statistics else { return problems + ["there are no statistics"] }
    let total = statistics.total
    let isComplete =
      closedEarly ? total.ended <= calls : total.ended == calls && total.refused + statistics.refused == 0
    if !isComplete || total.running != 0 || total.waiting != 0 {
      problems.append("of \(calls) calls it has counted \(statistics)")
    }
    // Who has given up may have been served before that was known.
    if total.served < answers.count || total.failed < failures.count { problems.append("it has counted \(total)") }
    return problems
  }

  /// What must not happen where each call runs for itself.
  var problemsOfOwnRuns: [String] {
    var problems: [String] = []
    let names = runs.map { [$0.errand.caller, $0.errand.number] }
    if names.count != Set(names).count { problems.append("something ran twice") }
    for (errand, result) in answers where runs[result].errand != errand {
      problems.append("\(errand) got the result of \(runs[result].errand)")
    }
    return problems
  }
}

/// What a desk is asked.
struct Errand: Codable, Sendable, Hashable {
  /// Who asks, and how often it has asked; zero where only the key counts.
  var caller: Int
  var number: Int
  var key: Int

  var fails: Bool { key % 5 == 4 }
  var isEndless: Bool { key >= 100 }
}

protocol DeskKind: Sendable {
  static var invoker: InvokerStrategy { get }
  static var hasOwnRuns: Bool { get }
}
enum ConcurrentDesk: DeskKind {
  static var invoker: InvokerStrategy { .concurrent }
  static var hasOwnRuns: Bool { true }
}
enum SerializedDesk: DeskKind {
  static var invoker: InvokerStrategy { .serialized }
  static var hasOwnRuns: Bool { true }
}
enum DeduplicatingDesk: DeskKind {
  static var invoker: InvokerStrategy { .deduplicating }
  static var hasOwnRuns: Bool { false }
}

/// Writes down who comes, takes some time, and fails or waits for ever if that is asked for.
private actor Desk<Kind: DeskKind>: Service {
  private let router: Router
  private let book: DeskScenario<Kind>?

  init(router: Router) { (self.router, book) = (router, nil) }

  init(router: Router, book: DeskScenario<Kind>) { (self.router, self.book) = (router, book) }

  static var work: ServiceMethod<Desk, Errand, Int> {
    ServiceMethod("work", policy: .allowAny) { try await $0.work($1) }
  }
  static var methods: [AnyServiceMethod<Desk>] { work }
  static var invoker: InvokerStrategy { Kind.invoker }

  private func work(_ errand: Errand) async throws -> Int {
    guard let book else { throw ServiceError("no book") }
    let number = book.change { $0.begin(errand) }
    defer { book.change { $0.end(number) } }
    try await withTaskCancellationHandler {
      if errand.isEndless {
        try await simulatedSleep(router, .seconds(3_600))
      } else if errand.key % 3 > 0 {
        try await simulatedSleep(router, .milliseconds(errand.key % 3))
      }
    } onCancel: {
      book.change { $0.runs[number].wasCancelled = true }
    }
    if errand.fails { throw ServiceError("failing") }
    return number
  }
}

/// Three contexts, each of which calls a desk in one of them.
private final class DeskScenario<Kind: DeskKind>: Sendable {
  private let simulation: Simulation
  private let book = Mutex(DeskBook())

  init(seed: UInt64) { simulation = Simulation(seed: seed) }

  func change<Result>(_ body: (inout DeskBook) -> Result) -> Result { book.withLock { body(&$0) } }

  func play() -> DeskBook {
    let root = SimulatedContext(root: simulation.makeLoop())
    Task(executorPreference: simulation.loops[0].tasks) { [self] in
      do { try await run(root) } catch { change { $0.failures.append("\(error)") } }
      await root.router.shutdown()
      change { $0.isDone = true }
    }
    let start = simulation.now
    if !simulation.run() { change { $0.failures.append("it goes on and on") } }
    if simulation.now - start > 600_000_000_000 { change { $0.failures.append("something has waited for ever") } }
    return change { $0 }
  }

  private func run(_ root: SimulatedContext) async throws {
    let (target, _) = try await root.startChild(simulation)
    let (sibling, _) = try await root.startChild(simulation)
    let size = simulation.random(1...4)
    change { $0.size = size }
    let pool = Pool(
      router: target.router, services: [Desk(router: target.router, book: self)], size: size)
    await withTaskGroup(of: Void.self) { group in
      for router in [root.router, target.router, sibling.router] {
        let context = Context(router: router, id: target.router.contextID, name: nil)
        group.addTask { [self] in await call(context, as: Int(router.contextID.rawValue)) }
      }
    }
    // Those who have given up are on their way.
    let closesEarly = simulation.random(0...1) == 0
    change { $0.closedEarly = closesEarly }
    while !closesEarly {
      let ended = await pool.statistics.total.ended
      if ended >= change({ $0.calls }) { break }
      try await simulatedSleep(root.router, .milliseconds(1))
    }
    await pool.close()
    let statistics = await pool.statistics
    change { $0.statistics = statistics }
  }

  /// Four calls, in order; some are given up, some of which never end by themselves.
  private func call(_ context: Context, as caller: Int) async {
    guard let router = context.router else { return }
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<4 {
        let givesUp = simulation.random(0...3) == 0
        let key = givesUp && simulation.random(0...1) == 0 ? simulation.random(100...101) : simulation.random(0...5)
        let errand =
          Kind.hasOwnRuns
          ? Errand(caller: caller, number: number, key: key) : Errand(caller: 0, number: 0, key: key)
        let patience = simulation.random(0...4)
        let reply = context.callAsync(Desk<Kind>.work, errand)
        change { $0.calls += 1 }
        group.addTask { [self] in
          if givesUp {
            if patience > 0 { try? await simulatedSleep(router, .milliseconds(patience)) }
            reply.close()
          } else {
            await wait(for: reply, errand)
          }
          change { $0.settled += 1 }
        }
        if simulation.random(0...2) == 0 { try? await simulatedSleep(router, .milliseconds(1)) }
      }
    }
  }

  private func wait(for reply: Receiver<Int>, _ errand: Errand) async {
    do {
      let result = try await reply.get()
      change { $0.answers.append((errand, result)) }
    } catch let error as CallError {
      change { $0.failures.append(error.message) }
    } catch {
      change { $0.failures.append("\(error)") }
    }
  }
}
