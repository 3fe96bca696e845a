import Synchronization
import Testing

@testable import AsyncMitogen

/// Services in a simulated tree: calls, cancellations and the ends of pools in every order that seeds give.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct SimulatedServiceTests {
  @Test func `in order, each once, in one service, whatever happens in which order`() async throws {
    for seed in UInt64(0)..<300 {
      await Task.yield()
      let scenario = ServiceScenario(seed: seed, closes: false)
      let outcome = scenario.play()
      try check(outcome, scenario, seed)
      #expect(Set(outcome.notes.map(\.service)).count == 1, "seed \(seed): constructed more than once")
      #expect(outcome.failures.allSatisfy(ServiceScenario.mayRefuse), "seed \(seed): \(outcome.failures)")
    }
  }

  @Test func `pools that close on the way`() async throws {
    var pools = 0
    for seed in UInt64(1_000)..<1_300 {
      await Task.yield()
      let scenario = ServiceScenario(seed: seed, closes: true)
      let outcome = scenario.play()
      try check(outcome, scenario, seed)
      pools += Set(outcome.notes.map(\.service)).count
      let texts = outcome.failures.filter { $0 != "the service pool has been closed" }
      #expect(texts.allSatisfy(ServiceScenario.mayRefuse), "seed \(seed): \(texts)")
    }
    #expect(pools > 400)
  }

  private func check(_ outcome: ServiceScenario.Outcome, _ scenario: ServiceScenario, _ seed: UInt64) throws {
    #expect(outcome.isDone, "seed \(seed)")
    #expect(outcome.settled == outcome.begun, "seed \(seed): \(outcome.begun - outcome.settled) calls have no end")
    for (key, notes) in Dictionary(grouping: outcome.notes, by: { [$0.service, $0.caller] }) {
      #expect(notes.map(\.number) == notes.map(\.number).sorted(), "seed \(seed): \(key) is out of order")
    }
    let executed = outcome.notes.map { [$0.caller, $0.number] }
    #expect(executed.count == Set(executed).count, "seed \(seed): something ran twice")
    #expect(Set(executed).isSuperset(of: outcome.confirmed), "seed \(seed): confirmed, and not executed")
  }
}

/// Four contexts, three of which call a service in the fourth.
private final class ServiceScenario: Sendable {
  struct Outcome {
    var begun = 0
    var settled = 0
    var isDone = false
    var confirmed: Set<[Int]> = []
    var failures: [String] = []
    var notes: [Notebook.Note] = []
  }

  private let simulation: Simulation
  private let closes: Bool
  private let outcome = Mutex(Outcome())

  init(seed: UInt64, closes: Bool) {
    simulation = Simulation(seed: seed)
    self.closes = closes
  }

  static func mayRefuse(_ text: String) -> Bool {
    text == "refused by policy" || text == "cancelled" || text == ServiceTexts.notActive(Notebook.name)
  }

  func play() -> Outcome {
    Notebook.notes.withLock { $0 = [] }
    let root = SimulatedContext(root: simulation.makeLoop())
    Task(executorPreference: simulation.loops[0].tasks) { [self] in
      do { try await run(root) } catch { outcome.withLock { $0.failures.append("\(error)") } }
      await root.router.shutdown()
      outcome.withLock { $0.isDone = true }
    }
    #expect(simulation.run())
    var result = outcome.withLock { $0 }
    result.notes = Notebook.notes.withLock { $0 }
    return result
  }

  private func run(_ root: SimulatedContext) async throws {
    let (parent, _) = try await root.startChild(simulation)
    let (_, target) = try await parent.startChild(simulation)
    let (sibling, _) = try await parent.startChild(simulation)
    // The root hears of it a little later than the parent.
    while await !root.router.isReachable(target.id) { try await simulatedSleep(root.router, .milliseconds(1)) }
    await withTaskGroup(of: Void.self) { group in
      for caller in [root.router, parent.router, sibling.router] {
        let context = Context(router: caller, id: target.id, name: nil)
        group.addTask { [self] in await call(context, as: Int(caller.contextID.rawValue)) }
      }
    }
  }

  /// Twelve calls, in order; some are given up.
  private func call(_ context: Context, as caller: Int) async {
    var replies: [(number: Int, receiver: Receiver<Int>)] = []
    for number in 0..<12 {
      if closes, simulation.random(0...15) == 0 { try? context.callNoReply(Notebook.closePool) }
      let receiver = context.callAsync(Notebook.note, .init(caller: caller, number: number))
      outcome.withLock { $0.begun += 1 }
      if simulation.random(0...5) == 0 {
        // Let go at once, or after some time.
        if simulation.random(0...1) == 0, let router = context.router {
          try? await simulatedSleep(router, .milliseconds(1))
        }
        receiver.close()
        outcome.withLock { $0.settled += 1 }
      } else {
        replies.append((number, receiver))
      }
    }
    for (number, receiver) in replies {
      do {
        _ = try await receiver.get()
        outcome.withLock { _ = $0.confirmed.insert([caller, number]) }
      } catch let error as CallError {
        outcome.withLock { $0.failures.append(error.message) }
      } catch let error as ChannelError {
        outcome.withLock { $0.failures.append(error.reason) }
      } catch {
        outcome.withLock { $0.failures.append("\(error)") }
      }
      outcome.withLock { $0.settled += 1 }
    }
  }
}

/// Writes down who calls.
actor Notebook: Service {
  struct Note: Codable, Sendable {
    var caller: Int
    var number: Int
    var service = 0

    enum CodingKeys: CodingKey {
      case caller
      case number
    }
  }

  static let notes = Mutex<[Note]>([])
  private static let count = Atomic(0)
  private let number = Notebook.count.add(1, ordering: .relaxed).newValue
  private var isInside = false

  init(router: Router) async throws { await Task.yield() }

  private func write(_ note: Note) async -> Int {
    if isInside { Issue.record("a serialized service is entered twice") }
    isInside = true
    defer { isInside = false }
    var note = note
    note.service = number
    Notebook.notes.withLock { $0.append(note) }
    await Task.yield()
    return note.number
  }

  static let note = ServiceMethod<Notebook, Note, Int>("note", policy: .allowAny) { await $0.write($1) }
  static let closePool = ServiceMethod<Notebook, NoArguments, NoReply>("closePool", policy: .allowParents) { _ in
    await Pool.current?.close()
  }
  static var methods: [AnyServiceMethod<Notebook>] {
    note
    closePool
  }
  static var invoker: InvokerStrategy { .serialized }
}
