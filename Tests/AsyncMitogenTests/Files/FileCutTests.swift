import Foundation
import Synchronization
import Testing

@testable import AsyncMitogen

/// A link that breaks at any moment of a transfer: there is never a wrong file, and a second attempt goes on.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct FileCutTests {
  @Test func `at every frame of a small file, and beside it`() async throws {
    let content = Sandbox.content(40_000)
    let whole = try await play(content, seed: 1, cut: nil)
    #expect(whole.first == .complete)
    let frames = CutScenario.frameEnds(whole.recorded)
    #expect(frames.count >= 4)
    var interrupted = 0
    for end in frames {
      for cut in [end - 1, end, end + 1, end + 13] where cut > 0 {
        let outcome = try await play(content, seed: 1, cut: cut)
        if outcome.first != .complete { interrupted += 1 }
      }
    }
    #expect(interrupted > 4)
  }

  @Test func `at two hundred points of a larger file`() async throws {
    let content = Sandbox.content(1_500_000)
    let whole = try await play(content, seed: 2, cut: nil, capacity: 1 << 17)
    #expect(whole.first == .complete && whole.received > content.count)
    var random = SplitMix64(state: 9)
    var (interrupted, resumed) = (0, 0)
    for _ in 0..<200 {
      let cut = Int.random(in: 1...max(1, whole.received), using: &random)
      let outcome = try await play(content, seed: 2, cut: cut, capacity: 1 << 17)
      if outcome.first != .complete { interrupted += 1 }
      if outcome.resumedFrom > 0 { resumed += 1 }
    }
    #expect(interrupted > 150 && resumed > 100)
  }

  @Test func `at points of what the reader says`() async throws {
    let content = Sandbox.content(1_500_000)
    for cut in stride(from: 1, to: 1_000, by: 23) {
      _ = try await play(content, seed: 3, cut: cut, capacity: 1 << 17, cutsReader: true)
    }
  }

  private func play(
    _ content: [UInt8], seed: UInt64, cut: Int?, capacity: Int? = nil, cutsReader: Bool = false
  ) async throws -> CutScenario.Outcome {
    let outcome = try await onOwnThread {
      Result { try CutScenario(content, seed: seed, capacity: capacity).play(cut: cut, cutsReader: cutsReader) }
    }.get()
    #expect(outcome.wrong == nil, "cut at \(cut ?? -1)")
    #expect(outcome.second == .complete, "cut at \(cut ?? -1)")
    #expect(outcome.transfersLeft == 0, "cut at \(cut ?? -1)")
    return outcome
  }
}

/// A child that copies a file of its parent, and if that fails, another child that goes on.
private final class CutScenario: Sendable {
  enum Attempt: Equatable, Sendable {
    case none
    case complete
    case failed(String)
  }

  struct Outcome: Sendable {
    var first = Attempt.none
    var second = Attempt.none
    var resumedFrom = 0
    /// What was under the final name when an attempt had ended, if it was not what it should be.
    var wrong: String?
    var received = 0
    var recorded: [UInt8] = []
    var transfersLeft = -1
  }

  private let simulation: Simulation
  private let content: [UInt8]
  private let capacity: Int?
  private let box: Sandbox
  private let outcome = Mutex(Outcome())

  init(_ content: [UInt8], seed: UInt64, capacity: Int?) throws {
    self.content = content
    self.capacity = capacity
    simulation = Simulation(seed: seed)
    box = try Sandbox()
    try box.file("a", content)
  }

  func play(cut: Int?, cutsReader: Bool) throws -> Outcome {
    let root = SimulatedContext(root: simulation.makeLoop())
    Task(executorPreference: simulation.loops[0].tasks) { [self] in
      do { try await run(root, cut, cutsReader) } catch { outcome.withLock { $0.wrong = "\(error)" } }
      await root.router.shutdown()
    }
    if !simulation.run(limit: 4_000_000) { outcome.withLock { $0.wrong = "it does not end" } }
    return outcome.withLock { $0 }
  }

  private func run(_ root: SimulatedContext, _ cut: Int?, _ cutsReader: Bool) async throws {
    let service = FileService(router: root.router)
    let pool = Pool(router: root.router, services: [service])
    try await service.registerPrefix(box.path)
    let (child, _) = try await root.startChild(simulation, capacity: capacity)
    let link = try #require(child.transport)
    let before = link.received
    link.recorded = []
    if let cut {
      if cutsReader { link.writesAtMost(cut) } else { link.receivesAtMost = before + cut }
    }
    let first = await attempt(in: child.router)
    check()
    outcome.withLock {
      $0.first = first.attempt
      $0.received = link.received - before
      $0.recorded = link.recorded ?? []
    }
    if first.attempt == .complete {
      outcome.withLock { $0.second = .complete }
    } else {
      let (other, _) = try await root.startChild(simulation, capacity: capacity)
      let second = await attempt(in: other.router)
      check()
      outcome.withLock {
        $0.second = second.attempt
        $0.resumedFrom = second.resumedFrom
        if box.read("b") != content { $0.wrong = "it is not there" }
      }
    }
    // The end of a child is heard of a little later.
    for _ in 0..<50 where await !service.activeTransfers.isEmpty {
      try await simulatedSleep(root.router, .milliseconds(10))
    }
    let left = await service.activeTransfers.count
    outcome.withLock { $0.transfersLeft = left }
    await pool.close()
  }

  private func attempt(in router: Router) async -> (attempt: Attempt, resumedFrom: Int) {
    await Task(executorPreference: router.loop.tasks) { [box] in
      var resumedFrom = 0
      do {
        let download = FileService.download(box("a"), from: router.context(.master), to: box("b"), resumes: true)
        for try await progress in download { resumedFrom = progress.resumedFrom }
        return (.complete, resumedFrom)
      } catch {
        return (.failed("\(error)"), resumedFrom)
      }
    }.value
  }

  /// Under the final name is nothing, or all.
  private func check() {
    guard let found = box.read("b"), found != content else { return }
    outcome.withLock { $0.wrong = "\(found.count) bytes that are wrong" }
  }

  /// Where messages end in a stream of bytes.
  static func frameEnds(_ bytes: [UInt8]) -> [Int] {
    var (ends, position): ([Int], Int) = ([], 0)
    while bytes.count - position >= MessageHeader.size {
      let length = bytes[position + 22..<position + 26].reduce(0) { $0 << 8 | Int($1) }
      position += MessageHeader.size + length
      ends.append(position)
    }
    return ends
  }
}
