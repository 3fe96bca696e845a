import Glibc
import Testing

@testable import AsyncMitogen

/// What runs in a fork server and in new forks.
@Suite(.timeLimit(.minutes(1)))
struct ForkHookTests {
  struct Refused: Error, CustomStringConvertible {
    let description = "not on a day like this"
  }

  @Test func `what is prepared is there in every fork, and was done once`() async throws {
    try await withRouter { router in
      try await router.prepareForks { ForkedState.add("prepared by \(getpid())") }
      try await router.prepareForks(["with", "arguments"]) { words in ForkedState.add(words.joined(separator: " ")) }
      let server = try #require(router.forks.server)
      let expected = ["prepared by \(server.processID)", "with arguments"]
      for _ in 0..<3 { #expect(try await router.fork().call { ForkedState.all } == expected) }
      try await router.prepareForks { ForkedState.add("later") }
      #expect(try await router.fork().call { ForkedState.all } == expected + ["later"])
      #expect(ForkedState.all.isEmpty)
    }
  }

  @Test func `first onFork, then onStart, then calls`() async throws {
    try await withRouter { router in
      let fork = try await router.fork(
        onFork: { ForkedState.add("fork \(Mitogen.isMaster) \(ProcessFacts.threadCount())") },
        onStart: {
          ForkedState.add("start \(Mitogen.contextID) \(ExternalContext.current?.parent.id ?? 99)")
        })
      #expect(try await fork.call { ForkedState.all } == ["fork true 1", "start \(fork.id) 0"])
      let named = try await router.fork(onStart: NoteStart(text: "by name"))
      #expect(try await named.call { ForkedState.all } == ["by name"])
    }
  }

  @Test func `onStart can send to its parent`() async throws {
    try await withRouter { router in
      let inbox = Receiver<Int>(router: router, handle: 123_456)
      _ = try await router.fork(onStart: {
        guard let parent = ExternalContext.current?.parent else { throw Refused() }
        try Sender<Int>(context: parent, handle: 123_456).post(42)
      })
      #expect(try await inbox.get(timeout: .seconds(20)) == 42)
    }
  }

  @Test func `what they throw is why there is no context`() async throws {
    try await withRouter { router in
      let first = await #expect(throws: ConnectionError.self) {
        _ = try await router.fork(name: "a", onFork: { throw Refused() })
      }
      #expect(first?.lines == ["onFork: not on a day like this"])
      #expect(first?.status == .exited(code: 71))
      let second = await #expect(throws: ConnectionError.self) {
        _ = try await router.fork(name: "b", onStart: { throw Refused() })
      }
      #expect(second?.message.hasPrefix("onStart: ") == true)
      #expect(second?.message.holds("not on a day like this") == true)
      let third = await #expect(throws: ConnectionError.self) { try await router.prepareForks { throw Refused() } }
      #expect(third?.message == "not on a day like this")
      let via = try await router.local()
      let fourth = await #expect(throws: ConnectionError.self) {
        _ = try await router.fork(onFork: { throw Refused() }, via: via)
      }
      #expect(fourth?.lines == ["onFork: not on a day like this"])
      #expect(await router.reachableContexts == [via])
      #expect(try await router.fork().call { 1 } == 1)
    }
  }

  @Test func `functions that capture are refused here`() async throws {
    try await withRouter { router in
      let value = getpid()
      await #expect(throws: UnsupportedFunctionError.self) {
        _ = try await router.fork(onFork: { ForkedState.add("\(value)") })
      }
      await #expect(throws: UnsupportedFunctionError.self) {
        _ = try await router.fork(onStart: { ForkedState.add("\(value)") })
      }
      await #expect(throws: UnsupportedFunctionError.self) {
        try await router.prepareForks { ForkedState.add("\(value)") }
      }
      #expect(router.forks.server == nil)
    }
  }

  @Test func `what they print is logged, once`() async throws {
    try await withRouter { router in
      try await router.prepareForks { print("from the server", terminator: "") }
      let error = await #expect(throws: ConnectionError.self) {
        _ = try await router.fork(onFork: {
          print("from the fork")
          throw Refused()
        })
      }
      #expect(error?.lines == ["from the fork", "onFork: not on a day like this"])
    }
  }

  @Test func `a server with threads is not forked`() async throws {
    try await withRouter { router in
      try await router.prepareForks { Threads.startOneForGood() }
      let error = await #expect(throws: ConnectionError.self) { _ = try await router.fork() }
      #expect(
        error?.message
          == "the fork server has 2 threads, and only a process of one can be forked: what is prepared may start none")
    }
    // One that has ended is none.
    try await withRouter { router in
      try await router.prepareForks { Threads.startOneAndWait() }
      #expect(try await router.fork().call { 1 } == 1)
    }
  }
}

enum Threads {
  static func startOneForGood() {
    var thread = pthread_t()
    unsafe pthread_create(&thread, nil, { _ in while true { pause() } }, nil)
  }

  static func startOneAndWait() {
    var thread = pthread_t()
    unsafe pthread_create(&thread, nil, { _ in nil }, nil)
    pthread_join(thread, nil)
  }
}
