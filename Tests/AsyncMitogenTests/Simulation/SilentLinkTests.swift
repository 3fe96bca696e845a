import Synchronization
import Testing

@testable import AsyncMitogen

/// A neighbour that was there, closes nothing, and says nothing any more.
@Suite(.timeLimit(.minutes(1)))
struct SilentLinkTests {
  @Test func `a link over which nothing comes for four intervals is given up, and those who wait are told`() {
    let simulation = Simulation(seed: 3)
    let root = SimulatedContext(root: simulation.makeLoop())
    let outcome = Mutex<[String]>([])
    Task(executorPreference: simulation.loops[0].tasks) {
      do {
        try await play(simulation, root) { text in outcome.withLock { $0.append(text) } }
      } catch { outcome.withLock { $0.append("\(error)") } }
      await root.router.shutdown()
    }
    #expect(simulation.run(limit: 2_000_000))
    #expect(outcome.withLock { $0 } == ["the respondent Context has disconnected", "after 40 s", "gone"])
  }

  private func play(
    _ simulation: Simulation, _ root: SimulatedContext, _ note: @Sendable (String) -> Void
  ) async throws {
    let loop = try #require(root.router.loop as? SimulatedLoop)
    let (ours, theirs) = SimulatedTransport.pair(loop, simulation.makeLoop(), capacity: 65_536)
    let greeting = Array("\(BootstrapDialogue.image)\(ImageIdentity.own.text)\n\(BootstrapDialogue.ready)\n".utf8)
    var written = 0
    while case .bytes(let count) = theirs.write([greeting][...], offset: written), written + count < greeting.count {
      written += count
    }
    let events = root.router.events
    let silent = try await root.router.adopt(
      LaunchedChild(
        process: nil, transport: ours, errorOutput: nil, start: ChildStart(greeting: [], keepAlive: .seconds(10))),
      id: try await root.router.allocateID(), name: "silent", timeout: .seconds(30))
    let start = simulation.now
    do {
      _ = try await root.router.request(
        Message(destination: silent.id, handle: 1_000), respondent: silent.id, timeout: nil)
    } catch let error as ChannelError { note(error.reason) }
    let seconds = (simulation.now - start) / 1_000_000_000
    // The first look only learns how much has come.
    note(seconds == 40 || seconds == 50 ? "after 40 s" : "after \(seconds) s")
    for await event in events {
      if case .disconnected(let disconnect) = event, disconnect.context == silent {
        note("gone")
        break
      }
    }
    withExtendedLifetime(theirs) {}
  }
}
