import AsyncMitogen
import Testing

/// Calls that wait for a context which ends.
@Suite(.timeLimit(.minutes(1)))
struct PendingCallTests {
  private static let gone = "the respondent Context has disconnected"

  /// Starts a call that does not end, and returns when it runs.
  private func begin(in context: Context, _ router: Router) async throws -> Receiver<Void> {
    let begun = Receiver<Int>(router: router)
    let reply = context.callAsync(begun.sender) { begun in
      try begun.post(1)
      try await Task.sleep(for: .seconds(120))
    }
    _ = try await begun.get(timeout: .seconds(20))
    return reply
  }

  private func expectGone(_ reply: Receiver<Void>, _ context: Context) async {
    let error = await #expect(throws: ChannelError.self) { try await reply.get(timeout: .seconds(20)) }
    #expect(error?.reason == PendingCallTests.gone)
    #expect(error?.context == context.id)
  }

  enum Ending: CaseIterable { case shutdown, disconnect, endOfRouter }

  @Test(arguments: Ending.allCases) func `a call hears that its context has ended`(ending: Ending) async throws {
    try await withRouter { router in
      let child = try await router.local()
      let reply = try await begin(in: child, router)
      switch ending {
      case .shutdown: try await child.shutdown()
      case .disconnect: await router.disconnect(child)
      case .endOfRouter: await router.shutdown()
      }
      await expectGone(reply, child)
    }
  }

  @Test(arguments: [false, true]) func `a call hears that the way to its context has ended`(
    isIntermediary: Bool
  ) async throws {
    try await withRouter { router in
      let child = try await router.local()
      let below = try await router.local(via: child)
      let reply = try await begin(in: below, router)
      try await (isIntermediary ? child : below).shutdown()
      await expectGone(reply, below)
    }
  }

  @Test(arguments: [false, true]) func `a call between siblings hears that the other one has ended`(
    isFar: Bool
  ) async throws {
    try await withRouter { router in
      let branches = (try await router.local(), try await router.local())
      let caller = isFar ? try await router.local(via: branches.0) : branches.0
      let called = isFar ? try await router.local(via: branches.1) : branches.1
      // Without its parent's authority a context may not call its siblings.
      await router.setPrivileged(branches.0, true)
      let begun = Receiver<Int>(router: router)
      let reply = caller.callAsync(called, begun.sender) { called, begun in
        try await called.call(begun) { begun in
          try begun.post(1)
          try await Task.sleep(for: .seconds(120))
        }
      }
      _ = try await begun.get(timeout: .seconds(20))
      try await called.shutdown()
      let error = await #expect(throws: CallError.self) { try await reply.get(timeout: .seconds(20)) }
      #expect(error?.typeName == "AsyncMitogen.ChannelError")
      #expect(error?.message.contains(PendingCallTests.gone) == true)
      #expect(error?.context == caller.id)
    }
  }
}
