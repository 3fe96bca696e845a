import Glibc
import Testing

@testable import AsyncMitogen

/// Programs that behave as Python children until they are up, and then send what no child should.
///
/// They are scripts without Mitogen; the finder beside the master is real.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or MITOGEN_PYTHON"),
  .timeLimit(.minutes(2)))
struct PythonHostileTests {
  /// Comes up, then sends what `attack` does, and answers each call with `answer`.
  static let script = """
    import os, re, struct, sys
    os.write(1, b'MITO000\\n')
    length, preamble = int(sys.argv[-1]), b''
    while len(preamble) < length:
        preamble += os.read(0, length - len(preamble))
    me = int(re.search(rb"'context_id': (\\d+)", preamble).group(1))
    os.write(1, b'MITO001\\nMITO002\\n')
    def frame(handle, payload=b'', to=0, source=None, authority=None, reply=0, magic=0x4d4a, length=None):
        source, authority = me if source is None else source, me if authority is None else authority
        length = len(payload) if length is None else length
        return struct.pack('>HLLLLLL', magic, to, source, authority, handle, reply, length) + payload
    def send(*arguments, **keywords):
        data = frame(*arguments, **keywords)
        while data:
            data = data[os.write(1, data):]
    marker = sys.argv[1]
    system = b"cposix\\nsystem\\n(S'touch " + marker.encode() + b"'\\ntR."
    build = b"c__builtin__\\nobject\\n)\\x81}b."
    deep = b'\\x80\\x02' + b']' * 100000 + b'a' * 99999 + b'.'
    memo = b'\\x80\\x02Nr\\xff\\xff\\xff\\xff.'
    def loop(answer):
        buffer = b''
        while True:
            data = os.read(0, 65536)
            if not data:
                os._exit(0)
            buffer += data
            while len(buffer) >= 26 and len(buffer) >= 26 + struct.unpack('>L', buffer[22:26])[0]:
                magic, to, source, authority, handle, reply, length = struct.unpack('>HLLLLLL', buffer[:26])
                buffer = buffer[26 + length:]
                if handle == 106:
                    os._exit(0)
                if reply and handle == 101:
                    send(reply, answer, to=source)
                elif reply:
                    send(reply, b'invalid handle', to=source, magic=0x4d49)
    """

  /// Runs the attack in a child beside a good one; nothing may have run, and the good one goes on.
  private func attacked(
    _ attack: String, answer: String = "b'\\x80\\x02K\\x01.'",
    _ body: (Router, Context) async throws -> Void
  ) async throws {
    let box = try Python.sandbox(["fake.py": Self.script + "\n\(attack)\nloop(\(answer))\n"])
    let python: PythonProgram = [try #require(Python.path), box("fake.py"), box("marker")]
    try await withRouter(configuration: try Python.configuration(searchPath: [box.path])) { router in
      let good = try await router.local(python: try Python.program())
      let bad = try await router.local(python: python)
      try await body(router, bad)
      let number: Int = try await good.call(python: "os.getpid")
      #expect(number > 0)
    }
    #expect(box.read("marker") == nil)
  }

  @Test(arguments: ["system", "build", "deep", "system[:10]", "b''", "b'\\x80\\x02(l' + b'e' * 9"])
  func `an answer that is no data is refused, and nothing runs`(_ answer: String) async throws {
    try await attacked("", answer: answer) { router, bad in
      await #expect(throws: (any Error).self) { let _: PickledValue = try await bad.call(python: "os.getpid") }
      // The link is well: what came was a message like any other.
      #expect(await router.reachableContexts.contains(bad))
    }
  }

  @Test(arguments: [100, 101, 102, 103, 104, 105, 107, 108, 110, 112, 113, 200, 201, 202, 203, 209, 210])
  func `no handle runs what it is sent`(_ handle: Int) async throws {
    let attack = """
      for payload in [system, build, deep, memo, b'', b'\\xff' * 5000, b'1\\0mitogen.parent']:
          for magic in [0x4d49, 0x4d4a, 0x4d4b]:
              send(\(handle), payload, reply=1000, magic=magic)
      """
    try await attacked(attack) { router, bad in
      // Behind the last of them.
      let one: Int = try await bad.call(python: "os.getpid")
      #expect(one == 1)
    }
  }

  @Test(arguments: ["magic=0x1234", "length=0xffffffff", "magic=0"])
  func `a header that is none ends the link`(_ header: String) async throws {
    try await attacked("send(101, b'x', \(header))") { router, bad in
      try await bad.disconnected()
      await #expect(throws: ChannelError.self) { try await bad.call(python: "os.getpid") }
    }
  }

  @Test(arguments: ["source=0", "authority=0", "source=0, authority=0", "source=1", "authority=77777"])
  func `what claims to be somebody else's is dropped`(_ header: String) async throws {
    try await attacked("send(4242, b'x', \(header))") { router, bad in
      let heard = Receiver<Message>(router: router, handle: 4_242)
      let one: Int = try await bad.call(python: "os.getpid")
      #expect(one == 1)
      #expect(heard.size == 0)
    }
  }

  @Test func `a flood of questions for modules is answered, and bounded`() async throws {
    let attack = """
      for number in range(20000):
          send(100, b'no_such_module_%d' % number, magic=0x4d49)
      """
    try await attacked(attack) { router, bad in
      let one: Int = try await bad.call(python: "os.getpid", timeout: .seconds(60))
      #expect(one == 1)
    }
  }
}
