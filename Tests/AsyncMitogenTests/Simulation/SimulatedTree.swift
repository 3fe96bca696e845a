@testable import AsyncMitogen

/// One context of a simulated tree.
final class SimulatedContext: Sendable {
  let router: Router
  let dispatcher: Dispatcher?
  /// The end of the link to the parent that lies here; closing it is what a crash looks like.
  let transport: SimulatedTransport?

  init(root loop: SimulatedLoop) {
    router = Router(
      loop: loop, broker: nil, contextID: .master, parentIDs: [], configuration: RouterConfiguration())
    router.addStandardHandlers()
    dispatcher = nil
    transport = nil
  }

  private init(router: Router, dispatcher: Dispatcher, transport: SimulatedTransport) {
    self.router = router
    self.dispatcher = dispatcher
    self.transport = transport
  }

  /// Starts a context below this one, which ends as a child process does: when told to, and when its parent is gone.
  func startChild(
    _ simulation: Simulation, capacity: Int? = nil
  ) async throws -> (SimulatedContext, Context) {
    let id = try await router.allocateID()
    guard let parentLoop = router.loop as? SimulatedLoop else { throw StreamError("not simulated") }
    let childLoop = simulation.makeLoop()
    let (ours, theirs) = SimulatedTransport.pair(parentLoop, childLoop, capacity: capacity)
    let child = Router(
      loop: childLoop, broker: nil, contextID: id, parentIDs: [router.contextID] + router.parentIDs,
      configuration: RouterConfiguration())
    child.addStandardHandlers()
    let dispatcher = Dispatcher(router: child, environment: ExternalContext(router: child))
    dispatcher.register()
    child.services.makePools(child)
    let end: @Sendable () -> Void = {
      Task(executorPreference: childLoop.tasks) {
        await dispatcher.close(patience: .milliseconds(50))
        await child.services.end(patience: .milliseconds(50))
        await child.shutdown()
        childLoop.enqueue { child.enter { $0.flushParent { theirs.close() } } }
      }
    }
    child.add(.shutdown, policy: .parent) { _, message, _ in if !message.isDead { end() } }
    childLoop.enqueue {
      child.enter { child in
        child.parentEnded = { _ in end() }
        try? child.attachParent(theirs, greeting: Array("MITOSWIFT simulated\nMITO002\n".utf8))
      }
    }
    let context = try await router.adopt(
      LaunchedChild(process: nil, transport: ours, errorOutput: nil, start: ChildStart(greeting: [])), id: id,
      name: "sim.\(id)",
      timeout: .seconds(30))
    return (SimulatedContext(router: child, dispatcher: dispatcher, transport: theirs), context)
  }
}

/// Waits in simulated time; ends early, with an error, if the task is cancelled.
func simulatedSleep(_ router: Router, _ duration: Duration) async throws {
  let receiver = Receiver<Message>(router: router)
  defer { receiver.close() }
  do { _ = try await receiver.get(timeout: duration) } catch is TimeoutError {}
}
