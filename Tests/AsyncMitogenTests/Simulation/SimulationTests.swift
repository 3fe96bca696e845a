import Synchronization
import Testing

@testable import AsyncMitogen

/// What a closure of the scenario throws on purpose.
struct SimulatedFailure: Error, Codable {
  var number: Int
}

/// Random calls, messages, cuts and ends in a tree, from one seed.
private final class Scenario: Sendable {
  let simulation: Simulation
  private let state = Mutex(State())

  struct State {
    var contexts: [SimulatedContext] = []
    var known: [Context] = []
    var begun = 0
    var settled: [Int] = []
    var wrong: [String] = []
    var isDone = false
  }

  init(seed: UInt64) { simulation = Simulation(seed: seed) }

  var result: State { state.withLock { $0 } }

  /// Runs one operation, which must end exactly once, with a value or an error that it may end with.
  private func operation(_ body: @escaping @Sendable () async throws -> Void) -> Task<Void, Never> {
    let number = state.withLock { state in
      state.begun += 1
      state.settled.append(0)
      return state.begun - 1
    }
    return Task(executorPreference: executor) { [self] in
      do {
        try await body()
      } catch is ChannelError, is CancellationError, is TimeoutError, is ConnectionError {
        // Contexts end at random: whoever waits for them is told so.
      } catch let error as CallError
        where error.typeName.hasSuffix("CallRefused")
        || error.typeName.hasSuffix("CancellationError") || error.typeName.hasSuffix("ChannelError")
        || error.typeName.hasSuffix("TimeoutError")
      {
        // The same, as seen by a function that was called.
      } catch {
        state.withLock { $0.wrong.append("\(error)") }
      }
      state.withLock { $0.settled[number] += 1 }
    }
  }

  private var executor: any TaskExecutor { simulation.loops[0].tasks }

  private func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
    if !condition {
      let text = text()
      state.withLock { $0.wrong.append(text) }
    }
  }

  func start() {
    let root = SimulatedContext(root: simulation.makeLoop())
    state.withLock { $0.contexts = [root] }
    Task(executorPreference: executor) { [self] in
      await play(root)
      await root.router.shutdown()
      state.withLock { $0.isDone = true }
    }
  }

  private func play(_ root: SimulatedContext) async {
    // Parents by position: each new context below one that is there, at most four deep.
    var depths = [0]
    for _ in 0..<simulation.random(2...8) {
      let contexts = state.withLock { $0.contexts }
      let parent = simulation.random(0...contexts.count - 1)
      guard depths[parent] < 4, let (child, context) = try? await contexts[parent].startChild(simulation) else {
        continue
      }
      depths.append(depths[parent] + 1)
      state.withLock { state in
        state.contexts.append(child)
        state.known.append(root.router.context(context.id))
      }
    }
    var tasks: [Task<Void, Never>] = []
    for _ in 0..<simulation.random(10...40) { tasks += step(root) }
    for task in tasks { await task.value }
  }

  /// Has a context send numbers to a receiver, which ends when that does not come to its end.
  private func send(_ target: Context, _ receiver: Receiver<Int>, _ count: Int) async throws {
    do {
      try await target.call(receiver.sender, count) { sender, count in
        for value in 0..<count { try await sender.send(value) }
        sender.close()
      }
    } catch {
      // A receiver whose respondent was gone before it was made hears nothing of that.
      receiver.close()
      throw error
    }
  }

  private func step(_ root: SimulatedContext) -> [Task<Void, Never>] {
    let (known, contexts) = state.withLock { ($0.known, $0.contexts) }
    guard !known.isEmpty else { return [] }
    let target = known[simulation.random(0...known.count - 1)]
    let other = known[simulation.random(0...known.count - 1)]
    let number = simulation.random(0...1_000)
    let delay = Duration.milliseconds(simulation.random(0...20))
    let router = root.router
    switch simulation.random(0...13) {
    case 0...3:
      return [
        operation { [self] in
          let sum = try await target.call(number, 7) { first, second in first + second }
          expect(sum == number + 7, "\(number) + 7 is not \(sum)")
        }
      ]
    case 4:
      return [
        operation { [self] in
          do {
            try await target.call(number) { number in throw SimulatedFailure(number: number) }
            expect(false, "a failure that did not arrive")
          } catch let error as CallError {
            guard let failure = error.thrown(as: SimulatedFailure.self) else { throw error }
            expect(failure.number == number, "another failure: \(failure)")
          }
        }
      ]
    case 5:
      let task = operation {
        try await target.call(50) { milliseconds in
          guard let current = ExternalContext.current else { return }
          try await simulatedSleep(current.router, .milliseconds(milliseconds))
        }
      }
      _ = simulation.loops[0].schedule(after: delay) { task.cancel() }
      return [task]
    case 6:
      return [
        operation {
          try await target.call(number, timeout: delay) { milliseconds in
            guard let current = ExternalContext.current else { return }
            try await simulatedSleep(current.router, .milliseconds(milliseconds))
          }
        }
      ]
    case 7:
      return [
        operation { [self] in
          let chain = CallChain(target)
          try chain.callNoReply(number) { number in throw SimulatedFailure(number: number) }
          do {
            _ = try await chain.call { 1 }
            expect(false, "a call ran in a chain that had failed")
          } catch let error as CallError {
            guard let failure = error.thrown(as: SimulatedFailure.self) else { throw error }
            expect(failure.number == number, "the failure of another chain: \(failure)")
          }
          try chain.reset()
          expect(try await chain.call { 2 } == 2, "a chain after its reset")
        }
      ]
    case 8...9:
      return [
        operation { [self] in
          let receiver = Receiver<Int>(router: router, respondent: target)
          defer { receiver.close() }
          let count = number % 20
          async let sent: Void = send(target, receiver, count)
          var next = 0
          for try await value in receiver {
            expect(value == next, "\(value) came where \(next) was due")
            next += 1
          }
          try await sent
          expect(next == count, "\(next) of \(count) came")
        }
      ]
    case 10:
      return [
        operation {
          // Called in one context, it calls another one: below it that works, elsewhere it is refused.
          do {
            _ = try await target.call(other) { other in try await other.call { 3 } }
          } catch let error as CallError where error.causes.isEmpty && error.typeName.hasSuffix("ChannelError") {}
        }
      ]
    case 11:
      return [operation { try await target.shutdown(wait: number % 2 == 0) }]
    case 12:
      let victim = contexts[simulation.random(0...contexts.count - 1)]
      _ = simulation.loops[0].schedule(after: delay) { victim.transport?.cut() }
      return []
    default:
      return [
        operation { [self] in
          let select = Select([target, other].map { $0.callAsync(number) { $0 * 2 } })
          var count = 0
          for try await event in select {
            count += 1
            do { expect(try event.value == number * 2, "another value") } catch is ChannelError {} catch is CallError {}
          }
          expect(count == 2, "\(count) events of 2")
        }
      ]
    }
  }
}

@Suite(.timeLimit(.minutes(2)))
struct SimulationTests {
  /// Plays a scenario; returns what is wrong with its end.
  private static func play(_ seed: UInt64) -> (problems: [String], trace: UInt64) {
    let scenario = Scenario(seed: seed)
    scenario.start()
    let hasEnded = scenario.simulation.run()
    let result = scenario.result
    var problems = result.wrong
    if !hasEnded { problems.append("it does not come to rest") }
    if !result.isDone { problems.append("it waits for something that never comes") }
    for (number, count) in result.settled.enumerated() where count != 1 {
      problems.append("operation \(number) has ended \(count) times")
    }
    for context in result.contexts {
      let name = "context \(context.router.contextID)"
      if context.router.handlerCount != 0 {
        problems.append("\(name): \(context.router.handlerCount) handlers are left")
      }
      if let count = context.dispatcher?.runningCount, count > 0 { problems.append("\(name): \(count) calls run") }
      if context.router.flows.count != 0 { problems.append("\(name): \(context.router.flows.count) flows are left") }
    }
    return (problems, scenario.simulation.trace)
  }

  @Test func `a thousand random lives of a tree end with everything settled and nothing left`() async {
    let wrong = await onOwnThread {
      (1...1_000 as ClosedRange<UInt64>).compactMap { seed -> String? in
        let problems = Self.play(seed).problems
        return problems.isEmpty ? nil : "seed \(seed): \(problems.prefix(5).joined(separator: "; "))"
      }
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5).joined(separator: "\n"))")
  }

  @Test func `a seed tells the whole story`() async {
    let wrong = await onOwnThread {
      (1...20 as ClosedRange<UInt64>).filter { Self.play($0).trace != Self.play($0).trace }
    }
    #expect(wrong.isEmpty, "seeds that tell different stories")
  }
}
