import Glibc
import Testing

@testable import AsyncMitogen

/// Contexts that go on without their Python parents.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or MITOGEN_PYTHON"),
  .serialized, .timeLimit(.minutes(2)))
struct PythonDetachTests {
  /// What a script begins with whose contexts listen, and leave.
  private static let beginning = """
    def leave(router, context, path, below):
        number = context.call(swift("Listen"), path)
        gone = []
        for one in [context] + below:
            gone.append(threading.Event())
            mitogen.core.listen(one, "disconnect", gone[-1].set)
        inbox = Receiver(router)
        pending = context.call_async(swift("Linger"))
        # What was sent before arrives, also what its socket does not hold.
        values = [b"x" * 100000] * 40
        posted = context.call_async(swift("PostAndLeave"), inbox.to_sender(), values)
        for event in gone:
            assert event.wait(30)
        assert [message.unpickle() for message in inbox] == values
        refused(ChannelError, posted.get, 30)
        refused(ChannelError, pending.get, 30)
        for one in [context] + below:
            assert "no route to" in refused(ChannelError, one.call, swift("Add"), 1, 2)
        # In a session of its own.
        assert os.getsid(number) != os.getsid(0)
        return number

    """

  /// Runs the script, joins what it has left, and ends that; contexts below it are for `body`.
  private func left(
    _ script: String, _ body: (Router, [Context]) async throws -> Void = { _, _ in }
  ) async throws {
    let box = try Sandbox()
    try await PythonMaster.run(Self.beginning + script, box("a.sock"), box("numbers"))
    let numbers = String(decoding: try #require(box.read("numbers")), as: UTF8.self).split(separator: " ")
    let number = try #require(numbers.first.flatMap { Int32($0) })
    defer { if Facts.isAlive(number) { kill(number, SIGKILL) } }
    #expect(Facts.isAlive(number))
    try await withRouter(joining: box("a.sock")) { router, context in
      #expect(try await context.call { getpid() } == number)
      #expect(try await context.call { Mitogen.parentIDs } == [])
      // It is a root, which starts others and gives them numbers.
      let new = try await router.local(via: context)
      #expect(try await new.call { Mitogen.contextID } == new.id)
      #expect(new.id != context.id && new.id != router.contextID)
      try await body(
        router, numbers.dropFirst().compactMap { UInt32($0) }.map { router.context(ContextID(rawValue: $0)) })
      try await context.shutdown()
    }
    #expect(Facts.waitForEnd(of: [number], limit: .seconds(10)) != nil)
  }

  @Test func `a child of a Python master stays when that ends`() async throws {
    try await left(
      """
      def main(router):
          path, file = sys.argv[2:]
          child, sibling = router.local(python_path=program), router.local(python_path=program)
          number = leave(router, child, path, [])
          # The rest of the tree goes on.
          assert sibling.call(swift("Add"), 1, 2) == 3
          assert router.local(python_path=program).call(swift("Add"), 1, 2) == 3
          with open(file, "w") as output:
              output.write(str(number))
      """)
  }

  @Test func `with contexts of either kind below it, below a Python context`() async throws {
    try await left(
      """
      def main(router):
          path, file = sys.argv[2:]
          between = router.local(python_path=python)
          child = router.local(via=between, python_path=program)
          below = [router.local(via=child, python_path=program), router.local(via=child, python_path=python)]
          assert below[1].call(os.getpid) > 0
          number = leave(router, child, path, below)
          assert between.call(os.getpid) > 0
          assert router.local(via=between, python_path=program).call(swift("Add"), 1, 2) == 3
          with open(file, "w") as output:
              output.write(" ".join(str(n) for n in [number] + [context.context_id for context in below]))
      """
    ) { router, below in
      try #require(below.count == 2)
      #expect(try await below[0].call(Add(left: 1, right: 2)) == 3)
      let number: Int32 = try await below[1].call(python: "os.getpid")
      #expect(Facts.isAlive(number))
      // Nobody has modules for it any more, and it hears so.
      let error = await #expect(throws: CallError.self) { try await below[1].call(python: "no_such_module.function") }
      #expect(error?.message.contains("no_such_module") == true)
      // It can be the way to others.
      let new = try await router.local(via: below[0])
      #expect(try await new.call(Add(left: 1, right: 2)) == 3)
    }
  }
}

// What they call.

/// Listens for those who join, also when the call is over; returns its process.
struct Listen: RemoteFunction {
  var path: String

  func callAsFunction() throws -> Int {
    _ = try Listening.start(path)
    return Int(getpid())
  }
}

/// Sends values, and goes on without its parent.
struct PostAndLeave: RemoteFunction {
  var sender: Sender<PickledValue>
  var values: [PickledValue]

  func callAsFunction() async throws -> Int {
    for value in values { try sender.post(value) }
    sender.close()
    try await ExternalContext.current?.detach()
    return 0
  }
}
