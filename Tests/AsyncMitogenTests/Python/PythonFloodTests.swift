import Synchronization
import Testing

@testable import AsyncMitogen

/// Siblings of a tree that a Python master leads, of which one sends the other more than it wants.
///
/// What they send goes through the master, which holds nobody back.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or MITOGEN_PYTHON"),
  .serialized, .timeLimit(.minutes(2)))
struct PythonFloodTests {
  /// What a script begins with that calls contexts while there is a flood, and sees what it leaves in one.
  private static let beginning = """
    def resident(context):
        with open("/proc/%d/statm" % numbers[context]) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
    numbers = {}
    def start(router, **keywords):
        context = router.local(**keywords)
        numbers[context] = int(context.name.split(".")[1])
        return context
    def answered(receiver, contexts):
        is_over = False
        while not is_over:
            # The last time behind all that was sent.
            is_over = not receiver.empty()
            for context in contexts:
                assert context.call_async(swift("Add"), 1, 2).get(30).unpickle() == 3
        return receiver.get().unpickle()
    # Twice, so that what is only there once does not count.
    def grows(context, flood):
        flood()
        before = resident(context)
        flood()
        return resident(context) - before

    """

  @Test func `a Swift context floods another one: with what nobody wants, and with what nobody reads`() async throws {
    let script = """
      def main(router):
          source, target, other = [start(router, python_path=program) for _ in range(3)]
          inbox = target.call(swift("Hoard"))
          for handle, reply in ((77777, 0), (77777, 88888), (101, 88888), (inbox, 0)):
              def flood():
                  sent = source.call_async(
                      swift("Flood"), context=target, handle=handle, count=5000, size=1000, replyTo=reply)
                  assert answered(sent, (other, target)) == 5000
              grown = grows(target, flood)
              assert grown < 2048, (handle, reply, grown)
      """
    try await PythonMaster.run(Self.beginning + script)
  }

  @Test func `a Python context floods a Swift one with requests to all handles, and reads no answer`() async throws {
    let script = """
      import flooder
      def main(router):
          target, other = start(router, python_path=program), start(router, python_path=program)
          source = start(router, python_path=python)
          data = lambda *values: mitogen.core.Message.pickled(values).data
          text = mitogen.core.Kwargs({"text": u"x" * 1000})
          requests = [(handle, b"x" * 1000, 500) for handle in (100, 102, 103, 104, 105, 106, 107, 108, 109, 112, 113)] + [
              (77777, b"x" * 1000, 5000),
              (101, data(None, u"AsyncMitogenTests", None, u"Nested.Shout", (), text), 5000),
              (110, data(u"AsyncMitogenTests.NoSuchService", u"x", text), 2500),
              (110, data(u"AsyncMitogenTests.Tally", u"add", text), 2500)]
          def flood():
              for handle, payload, count in requests:
                  sent = source.call_async(flooder.flood, target.context_id, handle, payload, count)
                  assert answered(sent, (other, target)) == count
          grown = grows(target, flood)
          assert grown < 2048, grown
      """
    try await PythonMaster.run(
      Self.beginning + script,
      files: [
        "flooder.py": """
        import os, select, struct
        import mitogen, mitogen.core
        @mitogen.core.takes_econtext
        def flood(target, handle, payload, count, econtext):
            me = mitogen.context_id
            header = struct.pack('>HLLLLLL', 0x4d4a, target, me, me, handle, 88888, len(payload))
            file = econtext.stream.transmit_side.fp.fileno()
            data = (header + payload) * count
            while data:
                select.select([], [file], [])
                try:
                    data = data[os.write(file, data[:65536]):]
                except BlockingIOError:
                    pass
            return count
        """
      ])
  }
}

// What they call.

/// Sends to somebody as fast as it can, who need not want it.
struct Flood: RemoteFunction {
  var context: Context
  var handle: Int
  var count: Int
  var size: Int
  var replyTo: Int

  func callAsFunction() async throws -> Int {
    let payload = [UInt8](repeating: 7, count: size)
    for _ in 0..<count {
      try context.send(
        payload, to: Handle(rawValue: UInt32(handle)), replyTo: Handle(rawValue: UInt32(replyTo)))
    }
    return count
  }
}

/// Has an inbox that nobody reads; returns its handle.
struct Hoard: RemoteFunction {
  private static let inboxes = Mutex<[Receiver<Message>]>([])

  func callAsFunction() throws -> Int {
    guard let router = ExternalContext.current?.router else { throw Opaque() }
    let inbox = Receiver<Message>(router: router, limit: QueueLimit(messages: 1_000, bytes: 1 << 20))
    Hoard.inboxes.withLock { $0.append(inbox) }
    return Int(inbox.handle?.rawValue ?? 0)
  }
}
