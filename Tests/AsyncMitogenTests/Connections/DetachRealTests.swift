import AsyncMitogen
import Glibc
import Testing

private let bed = Testbed.shared

extension `Contexts over real programs` {
  /// Contexts that go on when the program that led to them is gone; see Tests/Testbed.
  @Suite(.serialized) struct `Detaching over real programs` {
    private func check(_ connect: (Router) async throws -> Context) async throws {
      let (path, process) = try await withRouter { router in
        let context = try await connect(router)
        let process = try await context.call { getpid() }
        let path = try await context.call("/tmp/amt-detach-\(process).sock") { path in try Listening.start(path) }
        try context.callNoReply { try await ExternalContext.current?.detach() }
        try await context.disconnected()
        return (path, process)
      }
      defer { if Facts.isAlive(process) { kill(process, SIGKILL) } }
      // Other users' listeners are trusted here: these are the testbed's.
      try await withRouter(joining: path, policy: .everybody) { _, context in
        #expect(try await context.call { getpid() } == process)
        #expect(try await context.call { Facts.terminal() } == 0)
        #expect(try await context.call { Facts.descriptors("/dev/pts") }.isEmpty)
        #expect(try await context.call { Facts.descriptors("socket:") }.count == 2)
        try await context.shutdown()
      }
      #expect(Facts.waitForEnd(of: [process], limit: .seconds(10)) != nil)
      #expect(unsafe access(path, F_OK) == -1)
    }

    @Test(.enabled(if: bed.has("SSH"), "\(bed.reason("SSH"))")) func `ssh`() async throws {
      try await check { router in try await router.connect(ConnectFixtures.ssh()) }
    }

    @Test(.enabled(if: bed.has("SUDO"), "\(bed.reason("SUDO"))")) func `sudo`() async throws {
      try await check { router in try await ConnectFixtures.become("SUDO_NOPASSWD_USER", router) }
    }

    @Test(.enabled(if: bed.has("SUDO") && bed.has("SSH"), "\(bed.reason("SSH"))"))
    func `below another one that goes`() async throws {
      try await check { router in
        let between = try await router.connect(ConnectFixtures.ssh())
        return try await router.local(via: between)
      }
    }

    @Test(.enabled(if: bed.has("SU"), "\(bed.reason("SU"))")) func `su, over a terminal for everything`() async throws {
      try await check { router in try await router.su(username: bed["SSH_USER"]) }
    }
  }
}
