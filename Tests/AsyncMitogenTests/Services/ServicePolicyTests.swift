import AsyncMitogen
import Testing

/// Who may call what: callers, policies, and whether there is a pool and a service already.
@Suite(.timeLimit(.minutes(2)))
struct ServicePolicyTests {
  enum Caller: CaseIterable, Sendable {
    case master, parent, itself, sibling, child
    /// A program that has connected to the target, and has a number of its own: it acts for the target.
    case unixPeer

    /// Whether it acts for the target or a parent of it.
    var isPrivileged: Bool { self != .sibling && self != .child }
  }
  enum State: CaseIterable, Sendable { case noPool, notActive, active }

  static let methods = [Guarded.any, Guarded.parents, Guarded.own, Guarded.all, Guarded.both]

  private func isAllowed(_ method: String, to caller: Caller) -> Bool {
    switch method {
    case "any": true
    case "parents": caller.isPrivileged
    case "own": caller == .master
    default: caller.isPrivileged && caller != .master
    }
  }

  @Test(arguments: State.allCases)
  func `everybody, with every policy`(_ state: State) async throws {
    try await withRouter { router in
      let parent = try await router.local()
      let sibling = try await router.local(via: parent)
      for caller in Caller.allCases {
        for method in Self.methods {
          let target = try await router.local(via: parent)
          let child = try await router.local(via: target)
          switch state {
          case .noPool: break
          case .notActive: _ = try await target.call(Tally.total)
          case .active: _ = try await target.call(Guarded.any)
          }
          let name = method.name
          let outcome =
            switch caller {
            case .master: await ask(target, name)
            case .parent: try await parent.call(target, name) { await ask($0, $1) }
            case .itself: try await target.call(target, name) { await ask($0, $1) }
            case .sibling: try await sibling.call(target, name) { await ask($0, $1) }
            case .child: try await child.call(target, name) { await ask($0, $1) }
            case .unixPeer: try await askAsPeer(child, of: target, name)
            }
          let expected =
            if !caller.isPrivileged, state == .noPool {
              "refused by policy"
            } else if !caller.isPrivileged, state == .notActive {
              ServiceTexts.notActive(Guarded.name)
            } else if isAllowed(name, to: caller) {
              name
            } else {
              ServiceTexts.unauthorized(name, Guarded.name)
            }
          #expect(outcome == expected, "\(caller), \(name), \(state)")
          try await target.shutdown()
        }
      }
    }
  }

  /// Asks from a neighbour that has its own number, and the authority of the target.
  private func askAsPeer(_ peer: Context, of target: Context, _ method: String) async throws -> String {
    try await target.call(peer) { await ExternalContext.current?.router.setPrivileged($0, true) }
    return try await peer.call(target, method) { await ask($0, $1) }
  }
}

/// The result of a call to the guarded service, or why there is none.
func ask(_ context: Context, _ method: String) async -> String {
  do {
    return try await context.callService(Guarded.name, method)
  } catch let error as CallError {
    return error.message
  } catch let error as ChannelError {
    return error.reason
  } catch {
    return "\(error)"
  }
}
