import Glibc
import Testing

@testable import AsyncMitogen

/// Mitogen itself at the other end of a socket, in both directions.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or python3"),
  .timeLimit(.minutes(1)))
struct PythonPeerTests {
  private func run(_ script: String, _ arguments: String...) async throws -> String {
    let words = ([try #require(Python.path), "-c", script] + arguments).map(ShellCommand.quoted)
    let line = words.joined(separator: " ")
    let result = await onOwnThread { Result { try ShellCommand(line) } }
    return try result.get().output
  }

  @Test func `Mitogen joins our tree, and acts for the listener`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      let pool = Pool(router: router, services: [Passport(router: router)])
      let child = try await router.local()
      let listener = try UnixListener(router: router, path: box("a.sock"))
      let joins = await listener.joins
      let output = try await run(
        """
        import sys, os, mitogen, mitogen.unix, mitogen.parent
        router, context = mitogen.unix.connect(sys.argv[1])
        print(os.getpid(), context.context_id, mitogen.context_id, mitogen.parent_id, mitogen.parent_ids)
        print(context.call_service(sys.argv[2], 'identities'))
        child = mitogen.parent.Context(router, int(sys.argv[3]))
        print(child.call_service(sys.argv[2], 'identities'))
        router.broker.shutdown()
        router.broker.join()
        """, listener.path, Passport.name, "\(child.id)")
      var iterator = joins.makeAsyncIterator()
      let peer = try #require(await iterator.next())
      #expect(
        output == """
          \(peer.credentials.processID) 0 \(peer.context.id) 0 [0]
          [\(peer.context.id), 0]
          [\(peer.context.id), 0]

          """)
      #expect(peer.context.name == "unix_client.\(peer.credentials.processID)")
      await pool.close()
    }
  }

  @Test func `we join the tree of Mitogen, and act for its listener`() async throws {
    let box = try Sandbox()
    let path = box("a.sock")
    async let output = run(
      """
      import sys, os, mitogen.master, mitogen.unix, mitogen.service
      from mitogen.core import Blob
      class Passport(mitogen.service.Service):
          @mitogen.service.expose(policy=mitogen.service.AllowParents())
          @mitogen.service.arg_spec({'number': int})
          def identities(self, number, msg=None):
              return [number, os.getpid()]
          @mitogen.service.expose(policy=mitogen.service.AllowParents())
          def stop(self):
              router.broker.defer(router.broker.shutdown)
      router = mitogen.master.Router()
      pool = mitogen.service.Pool(router, services=[Passport(router)], size=1)
      mitogen.unix.Listener.build_stream(router, path=sys.argv[1])
      router.broker.join()
      print(os.getpid(), os.path.exists(sys.argv[1]))
      """, path)
    try await eventually("it listens") { (try? !UnixSocketPath(path).isDead()) == true }
    let numbers = try await withRouter(joining: path) { router, context in
      #expect(router.parentIDs == [0])
      let answer: [Int] = try await context.callService("__main__.Passport", "identities", ["number": 41])
      #expect(context.name == "unix_listener.\(answer[1])")
      // Numbers for contexts of our own come from there.
      let own = try await router.local()
      #expect(own.id.rawValue >= 2)
      #expect(try await own.call { 1 } == 1)
      try await own.shutdown()
      // It ends, with or without an answer. It does not tell those who have joined, but closes their links at last.
      _ = try? await context.callService("__main__.Passport", "stop") as PickledValue
      try await context.disconnected()
      return answer
    }
    #expect(try await output.split(separator: "\n").last.map(String.init) == "\(numbers[1]) False")
    #expect(numbers[0] == 41)
  }
}
