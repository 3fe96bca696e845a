import Synchronization
import Testing

@testable import AsyncMitogen

/// A child that detaches while everybody talks, under a simulated network.
@Suite(.timeLimit(.minutes(1)))
struct SimulatedDetachTests {
  /// What happened in one run.
  private struct Record: Sendable {
    /// What the child has sent, as the root received it.
    var fromChild: [Int] = []
    /// Requests of the root that the child has handled, that were answered, and that were refused.
    var handled: Set<Int> = []
    var answered: Set<Int> = []
    var refused: Set<Int> = []
    /// Numbers of contexts below the child.
    var identifiers: [ContextID] = []
    var detached = 0
    var errors: [String] = []
  }

  private static let count = 20

  @Test(arguments: 0..<60) func `no message is lost, and no number is given twice`(seed: UInt64) async {
    let cuts = seed % 3 == 0
    let record = await onOwnThread { SimulatedDetachTests.run(seed, cuts: cuts) }
    // Where the link is cut before it has begun, there is nothing to detach from.
    let isTooLate = cuts && record.errors.allSatisfy { $0.contains("only a context that was started by another one") }
    #expect(record.errors.isEmpty || isTooLate)
    // Those that came are the first, in their order; all came unless the link was cut.
    #expect(record.fromChild == Array(0..<record.fromChild.count))
    if !cuts { #expect(record.fromChild.count == SimulatedDetachTests.count) }
    // What was handled was answered, and everybody heard something.
    if !cuts { #expect(record.answered == record.handled) }
    #expect(record.answered.union(record.refused) == Set(0..<SimulatedDetachTests.count))
    #expect(record.answered.isDisjoint(with: record.refused))
    #expect(Set(record.identifiers).count == record.identifiers.count)
    #expect(record.detached + record.errors.count == 1)
  }

  private static func run(_ seed: UInt64, cuts: Bool) -> Record {
    let simulation = Simulation(seed: seed)
    let root = SimulatedContext(root: simulation.makeLoop())
    let record = SharedRecord()
    Task(executorPreference: simulation.loops[0].tasks) {
      do {
        try await play(simulation, root, record, cuts: cuts)
      } catch {
        record.change { $0.errors.append("\(error)") }
      }
    }
    if !simulation.run(limit: 1_000_000) { record.change { $0.errors.append("it does not end") } }
    return record.value
  }

  private static func play(
    _ simulation: Simulation, _ root: SimulatedContext, _ record: SharedRecord, cuts: Bool
  ) async throws {
    let (child, context) = try await root.startChild(simulation)
    let (below, _) = try await child.startChild(simulation)
    let childRouter = child.router
    await childRouter.onDetach()
    let inbox = try root.router.addHandler { message in
      guard !message.isDead, let number = Int(String(decoding: message.payload, as: UTF8.self)) else { return }
      record.change { $0.fromChild.append(number) }
    }
    let requests = try childRouter.addHandler { message in
      guard !message.isDead, let number = Int(String(decoding: message.payload, as: UTF8.self)) else { return }
      record.change { $0.handled.insert(number) }
      childRouter.post(Message(destination: message.source, handle: message.replyTo))
    }
    if cuts { child.transport?.writesAtMost(simulation.random(1...3_000)) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask(executorPreference: root.router.loop.tasks) {
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<count {
            group.addTask(executorPreference: root.router.loop.tasks) {
              do {
                try? await simulatedSleep(root.router, .microseconds(50 * number))
                _ = try await root.router.request(
                  Message(destination: context.id, handle: requests, payload: Array("\(number)".utf8)),
                  respondent: context.id, timeout: nil)
                record.change { $0.answered.insert(number) }
              } catch {
                record.change { $0.refused.insert(number) }
              }
            }
          }
        }
      }
      group.addTask(executorPreference: childRouter.loop.tasks) {
        for number in 0..<count {
          childRouter.post(Message(destination: .master, handle: inbox, payload: Array("\(number)".utf8)))
        }
        try? await simulatedSleep(childRouter, .microseconds(Int64(simulation.random(0...800))))
        do {
          try await childRouter.detach(timeout: .seconds(20))
          record.change { $0.detached += 1 }
        } catch {
          record.change { $0.errors.append("\(error)") }
        }
      }
      for router in [childRouter, below.router] {
        group.addTask(executorPreference: router.loop.tasks) {
          for _ in 0..<3 {
            try? await simulatedSleep(router, .microseconds(Int64(simulation.random(0...300))))
            // Nobody is there to answer where the link is cut: that is no number given twice.
            guard let id = try? await router.allocateID() else { continue }
            record.change { $0.identifiers.append(id) }
          }
        }
      }
    }
    await childRouter.shutdown()
    await root.router.shutdown()
  }

  private final class SharedRecord: Sendable {
    private let record = Mutex(Record())

    func change(_ body: (inout Record) -> Void) { record.withLock { body(&$0) } }

    var value: Record { record.withLock { $0 } }
  }
}

extension Router {
  /// The process of a simulated child has nothing to do when it detaches.
  fileprivate func onDetach() { detachHooks = DetachHooks(leaving: {}, detached: {}) }
}
