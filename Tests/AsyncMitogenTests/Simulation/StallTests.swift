import Synchronization
import Testing

@testable import AsyncMitogen

/// A neighbour that is up and never reads anything.
@Suite(.timeLimit(.minutes(1)))
struct StallTests {
  @Test func `messages to one that takes nothing are refused after a while, and nobody is held back for it`() {
    let simulation = Simulation(seed: 1)
    let root = SimulatedContext(root: simulation.makeLoop())
    let outcome = Mutex<[String]>([])
    Task(executorPreference: simulation.loops[0].tasks) {
      do {
        try await play(simulation, root) { text in outcome.withLock { $0.append(text) } }
      } catch { outcome.withLock { $0.append("\(error)") } }
      await root.router.shutdown()
    }
    #expect(simulation.run(limit: 2_000_000))
    #expect(
      outcome.withLock { $0 } == [
        "held back", "the stream to context 2 takes nothing, and 16777216 bytes wait for it already", "answered 4",
      ])
  }

  private func play(
    _ simulation: Simulation, _ root: SimulatedContext, _ note: @Sendable (String) -> Void
  ) async throws {
    let (child, context) = try await root.startChild(simulation, capacity: 65_536)
    let loop = try #require(root.router.loop as? SimulatedLoop)
    let (ours, theirs) = SimulatedTransport.pair(loop, simulation.makeLoop(), capacity: 65_536)
    let greeting = Array("MITO002\n".utf8)
    var written = 0
    while case .bytes(let count) = theirs.write([greeting][...], offset: written), written + count < greeting.count {
      written += count
    }
    let deaf = try await root.router.adopt(
      LaunchedChild(process: nil, transport: ours, errorOutput: nil, start: ChildStart(greeting: [])),
      id: try await root.router.allocateID(), name: "deaf", timeout: .seconds(30))
    let message = Message(destination: deaf.id, handle: 1_000, payload: [UInt8](repeating: 0, count: 16_384))
    for _ in 0..<1_200 { child.router.post(message) }
    let start = simulation.now
    let link = await root.router.table.link(to: deaf.id) ?? 0
    while await !root.router.pauses.hasWaiting(for: link) {
      try await simulatedSleep(root.router, .milliseconds(10))
    }
    note("held back")
    // Its own message comes behind the others, once it is read again.
    do {
      _ = try await child.router.request(
        Message(destination: deaf.id, handle: 1_000), respondent: deaf.id, timeout: nil)
    } catch let error as ChannelError { note(error.reason) }
    let patience = UInt64(IngressPauses.patience.nanoseconds)
    if simulation.now - start < patience { note("too early") }
    if await root.router.pendingBytes(to: deaf) > IngressPauses.highWatermark + 1 << 20 { note("too much") }
    note("answered \(try await context.call(2) { $0 * 2 })")
    withExtendedLifetime(theirs) {}
  }
}
