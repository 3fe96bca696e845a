internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// The fork server of a router: there is one from its first use on, and a new one if it ends.
final class ForkHost: Sendable {
  /// Lets a number of forks be on their way.
  let gate: ConnectGate
  /// A server does one thing at a time.
  private let turn = ConnectGate(limit: 1)
  private let state = Mutex(State())

  private struct State {
    var server: ForkServer?
    /// What each server does before its first fork.
    var preparations: [ForkHook] = []
    var hasEnded = false
  }

  /// How many preparations are kept.
  static let preparationLimit = 1_024

  init(limit: Int) { gate = ConnectGate(limit: limit) }

  /// The server that there is.
  var server: ForkServer? { state.withLock { $0.server } }

  /// Has a process made.
  ///
  /// - Parameter descriptors: Its stream, where it tells errors, and its working directory.
  func fork(
    name: String, hook: ForkHook?, descriptors: [FileDescriptor], timeout: Duration, broker: Broker
  ) async throws -> ChildProcess {
    let process = try await turn.pass {
      let server = try await preparedServer(broker)
      let environment = HostFacts.environment
      let request = ForkRequest(
        kind: .start(name: name, hook: hook, environment: environment == server.environment ? nil : environment))
      return try await server.ask(request, descriptors, timeout: timeout)
    }
    guard let process else { throw ForkRefusal(text: "the fork server answered what it was not asked") }
    return process
  }

  /// Has something done in the server, and in every later one.
  func prepare(_ hook: ForkHook, broker: Broker) async throws {
    try await turn.pass {
      guard state.withLock({ $0.preparations.count < ForkHost.preparationLimit }) else {
        throw ForkRefusal(text: "a fork server is prepared in at most \(ForkHost.preparationLimit) steps")
      }
      try await prepare(try await preparedServer(broker), hook)
      state.withLock { $0.preparations.append(hook) }
    }
  }

  private func preparedServer(_ broker: Broker) async throws -> ForkServer {
    let (known, preparations, hasEnded) = state.withLock { ($0.server, $0.preparations, $0.hasEnded) }
    guard !hasEnded else { throw ConnectionError.cancelled("fork server") }
    if let known, !known.hasEnded { return known }
    let server = try ForkServer(broker: broker)
    try server.start()
    let isWanted = state.withLock { state in
      if !state.hasEnded { state.server = server }
      return !state.hasEnded
    }
    guard isWanted else {
      await server.end()
      throw ConnectionError.cancelled("fork server")
    }
    for hook in preparations { try await prepare(server, hook) }
    return server
  }

  private func prepare(_ server: ForkServer, _ hook: ForkHook) async throws {
    do {
      _ = try await server.ask(ForkRequest(kind: .prepare(hook)), [], timeout: nil)
    } catch {
      // Whatever has been done of it: nobody knows what forks of this server would find.
      server.kill()
      await server.end()
      throw error
    }
  }

  /// Ends the server, and returns when it has been reaped; there is none afterwards.
  func end() async {
    let server = state.withLock { state in
      state.hasEnded = true
      return state.server.take()
    }
    await server?.end()
  }
}

extension ForkHost {
  /// The two sides of what a fork has as its standard streams. The soft limit of descriptors is raised when it is met.
  static func descriptors() throws(SystemError) -> ChildDescriptors {
    do {
      return try ChildDescriptors(.errorPipe)
    } catch  where error.code == EMFILE {
      _ = amt_raise_descriptor_limit()
    }
    return try ChildDescriptors(.errorPipe)
  }
}
