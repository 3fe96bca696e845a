import AsyncMitogen
import Glibc
import Testing

/// Runs what ``PublicSurface`` compiles.
@Suite(.timeLimit(.minutes(1)))
struct PublicSurfaceTests {
  @Test func `a body may use what is not Sendable`() async throws {
    #expect(try await PublicSurface.running() == ["0", "1"])
    try await PublicSurface.runningWithoutAnActor()
  }

  @Test func `a body stays on the main actor`() async throws {
    #expect(try await PublicSurface.runningOnAnActor() == 1)
  }

  @Test func `a process that nobody started is a master`() {
    let (version, isMaster, id, parent, parents) = PublicSurface.place()
    #expect(!version.isEmpty && isMaster && id == .master && parent == nil && parents.isEmpty)
  }

  @Test func `contexts are started here and below`() async throws {
    try await withRouter { router in
      let contexts = try await PublicSurface.contexts(router)
      #expect(Set(contexts).count == 7)
      #expect(contexts.allSatisfy(PublicSurface.isAValue))
      #expect(try await contexts[2].call { Mitogen.parentIDs } == [contexts[1].id, .master])
      #expect(try await PublicSurface.handlers(router).rawValue > 5)
      try await PublicSurface.end(contexts[4], contexts[5])
    }
  }

  @Test func `calls return what their functions do`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await PublicSurface.calls(child) == (getuid(), 6, 5, PublicSurface.Checksum(path: "/etc/hosts")()))
      #expect(try await PublicSurface.forms(child) == PublicSurface.Point(x: 3, y: nil, names: ["a": [0, 255]]))
      #expect(PublicSurface.isTransferable([child]))
      #expect(try await PublicSurface.wireTypes(router, child))
      #expect(try await PublicSurface.chains(child) == 42)
      #expect(try await PublicSurface.surroundings(child) == [child.id, .master, .master])
    }
  }

  @Test func `messages come to receivers and selects`() async throws {
    try await withRouter { router in
      let children = [try await router.local(), try await router.local()]
      let names = try await PublicSurface.fanOut(children)
      #expect(names == Dictionary(uniqueKeysWithValues: children.map { ($0.id, "host of \($0.id)") }))
      #expect(try await PublicSurface.receivers(router, children[0]) == [1, 2, 3])
      let replies = (1...3).map { number in children[1].callAsync(number) { $0 } }
      #expect(try await PublicSurface.selects(replies).sorted() == [1, 2, 3])
    }
  }

  @Test func `services are called`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await PublicSurface.services(child) == (4, 4, 5, 7))
      #expect(try await PublicSurface.pools(router) == ["0: hello", "cleared", "a message from 0", "the end"])
    }
  }

  @Test func `processes join through sockets`() async throws {
    try await withRouter { router in
      let ids = try await PublicSurface.peers(router)
      #expect(ids[0] == ids[2] && ids[0] != ids[1])
      #expect(try await PublicSurface.listening(router) == [getpid()])
    }
  }

  @Test func `errors are of the types that the page names`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let thrown = await PublicSurface.outcome {
        try await child.call { throw PublicSurface.OutOfStock(item: "nails") }
      }
      #expect(thrown.hasPrefix("CallError ") && thrown.hasSuffix("PublicSurface.OutOfStock"))
      let late = await PublicSurface.outcome {
        try await child.call(timeout: .milliseconds(10)) { try await Task.sleep(for: .seconds(60)) }
      }
      #expect(late == "TimeoutError false")
      try await child.shutdown()
      let gone = await PublicSurface.outcome { try await child.call {} }
      #expect(gone.hasPrefix("ChannelError "))
      let missing = await PublicSurface.outcome {
        _ = try await router.connect(LocalConnection(path: "/nonexistent/program"))
      }
      #expect(missing == "ConnectionError spawn")
    }
    #expect(PublicSurface.errorTypes.count == 10)
  }

  @Test func `a call whose time is up before its receiver is read fails and is cancelled`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let cancelled = Receiver<Bool>(router: router)
      let reply = child.callAsync(cancelled.sender, timeout: .milliseconds(20)) { cancelled in
        try? await Task.sleep(for: .seconds(60))
        try await cancelled.send(Task.isCancelled)
      }
      await #expect(throws: TimeoutError.self) { try await reply.get() }
      #expect(try await cancelled.get(timeout: .seconds(30)))
      // One that comes in time is not touched by its limit.
      #expect(try await child.callAsync(1, timeout: .seconds(30)) { $0 }.get() == 1)
    }
  }
}
