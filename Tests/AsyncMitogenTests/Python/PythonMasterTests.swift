import Foundation
import Testing

@testable import AsyncMitogen

/// This program below a real Python master, which calls it as it calls Python.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or MITOGEN_PYTHON"),
  .serialized, .timeLimit(.minutes(2)))
struct PythonMasterTests {
  @Test func `Python calls functions by name, with keywords, and hears what they throw`() async throws {
    try await PythonMaster.run(
      """
      def main(router):
          child = router.local(python_path=program)
          number = int(child.name[len("local."):])
          with open("/proc/%d/cmdline" % number, "rb") as file:
              assert file.read().startswith(b"mitogen:")
          assert child.call(swift("Add"), left=1, right=2) == 3
          assert child.call(swift("Nested.Shout"), text=u"\\u00e4") == u"\\u00c4"
          error = refused(CallError, child.call, swift("Fail"))
          assert error.startswith('AsyncMitogenTests.DiskFull: DiskFull(device: "sda")'), error
          error = refused(CallError, child.call, os.getpid)
          assert "runs no Python" in error and "Module.Type" in error, error
          assert "no RemoteFunction" in refused(CallError, child.call, swift("NoSuchFunction"))
          assert "'right'" in refused(CallError, child.call, swift("Add"), left=1)
          assert child.call(mitogen.parent.upgrade_router) is None
          named = router.local(python_path=["/usr/bin/env", program], name="worker", remote_name="a b", debug=False)
          assert named.name == "worker" and named.call(swift("Add"), left=-1, right=-2) == -3
          assert mitogen.select.Select([c.call_async(swift("Add"), left=2, right=2) for c in (child, named)]).get()
      """)
  }

  @Test func `arguments without names go to properties in their order, as in Python`() async throws {
    try await PythonMaster.run(
      """
      def main(router):
          child = router.local(python_path=program)
          minus, order = swift("Subtract"), swift("Order")
          # What Python itself makes of the same arguments.
          def subtract(left, right):
              return left - right
          for arguments, keywords in [((7, 2), {}), ((7,), {"right": 2}), ((), {"right": 2, "left": 7})]:
              expected = subtract(*arguments, **keywords)
              assert child.call(minus, *arguments, **keywords) == expected
              assert child.call_async(minus, *arguments, **keywords).get(30).unpickle() == expected
          for arguments, keywords, texts in [
              ((1, 2, 3), {}, ["Subtract takes 2 positional arguments but 3 were given", "takes 2 positional"]),
              ((1,), {"left": 1}, ["Subtract got multiple values for argument 'left'", "got multiple values"]),
              ((1, 2), {"right": 2}, ["Subtract got multiple values for argument 'right'", "got multiple values"]),
              ((1,), {}, ["'right'", "'right'"]),
              (("one", 2), {}, ["left", ""]),
              ((1, [2]), {}, ["right", ""]),
              ((), {"left": 1, "right": u"2"}, ["right", ""])]:
              error = refused(CallError, child.call, minus, *arguments, **keywords)
              assert texts[0] in error, error
              assert texts[1] in refused(TypeError, subtract, *arguments, **keywords)
          assert "takes 0 positional arguments but 1 was given" in refused(CallError, child.call, swift("Fail"), 1)
          # What may be missing, what is nested, and of all types.
          assert child.call(order, u"tea") == [u"tea", None, None, None]
          assert child.call(order, u"tea", None, point={"x": 1, "y": 2}) == [u"tea", None, None, {"x": 1, "y": 2}]
          assert child.call(order, u"tea", 2, child, {"x": 1, "y": 2}, unknown=1) == [
              u"tea", 2, child.context_id, {"x": 1, "y": 2}]
          error = refused(CallError, child.call, order, u"tea", 2, 3)
          assert "context" in error, error
          assert "point" in refused(CallError, child.call, order, u"tea", 2, None, (1, 2))
          # Without an answer, and in a chain, which stops at the first mistake.
          with mitogen.parent.CallChain(child, pipelined=True) as chain:
              for number in range(10):
                  chain.call_no_reply(swift("Note"), number)
              assert chain.call(swift("Note"), 10) == list(range(11))
              chain.call_no_reply(swift("Note"), 11, number=11)
              assert "multiple values" in refused(CallError, chain.call, swift("Note"), 12)
              chain.reset()
              assert len(chain.call(swift("Note"), number=13)) == 12
      """)
  }

  @Test func `1,000 values from Python to Swift and back`() async throws {
    let seed = Int.random(in: 0..<1_000_000)
    try await PythonMaster.run(
      """
      from values import value
      import random
      def main(router):
          child, source = router.local(python_path=program), random.Random(int(sys.argv[2]))
          for _ in range(10):
              values = [value(source, 0) for _ in range(100)]
              back = child.call(swift("Same"), value=values)
              assert len(back) == len(values)
              for left, right in zip(values, back):
                  assert repr(left) == repr(right) and type(left) is type(right), (sys.argv[2], left, right)
                  assert isinstance(left, float) or left == right
          context = child.call(swift("Same"), value=child)
          assert context == child and context.call(swift("Add"), left=1, right=1) == 2
      """, files: ["values.py": PythonValueTests.generator], "\(seed)")
  }

  @Test func `an input that does not wait, and other programs in front of it`() async throws {
    let wrapper = """
      import fcntl, os, sys, time
      fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_NONBLOCK)
      os.write(1, b"a banner\\nand more")
      os.execv(sys.argv[1], sys.argv[1:])
      """
    try await PythonMaster.run(
      """
      def main(router):
          wrapper = os.path.join(sys.path[0], "wrapper.py")
          child = router.local(python_path=[python, wrapper, program])
          assert child.call(swift("Same"), value=b"x" * 3000000) == b"x" * 3000000
      """, files: ["wrapper.py": wrapper])
  }

  @Test func `mixed chains five deep, from Python through Swift`() async throws {
    try await PythonMaster.run(
      """
      import os.path, helper
      def main(router):
          first = router.local(python_path=program)
          second = router.local(via=first, python_path=python)
          third = router.local(via=second, python_path=program)
          fourth = router.local(via=third, python_path=[python])
          fifth = router.local(via=fourth, python_path=program)
          sixth = router.local(via=fifth)
          last = router.local(via=sixth, python_path=python)
          for context in (first, third, fifth, sixth):
              assert context.call(swift("Add"), left=3, right=4) == 7
          # Modules and files of packages come from the master, through all in between.
          for context, depth in ((second, 2), (fourth, 4), (last, 7)):
              assert context.call(helper.height) == depth
              assert context.call(helper.text) == "some text", depth
              assert "blocked" in refused(CallError, context.call, helper.fail)
          calls = [c.call_async(swift("Add"), left=1, right=1) for c in (sixth, third)]
          calls += [c.call_async(helper.height) for c in (last, second)]
          assert sorted(m.unpickle() for m in mitogen.select.Select(calls)) == [2, 2, 2, 7]
          fourth.shutdown(wait=True)
          refused(ChannelError, last.call, helper.height)
          assert third.call(swift("Add"), left=1, right=1) == 2
      """,
      files: [
        "helper.py": """
        import pkgutil
        import parts
        def height():
            import mitogen
            return len(mitogen.parent_ids)
        def text():
            import importlib.resources
            with importlib.resources.open_text('parts', 'text.txt') as file:
                return file.read()
        def fail():
            raise ValueError('blocked')
        """,
        "parts/__init__.py": "", "parts/text.txt": "some text",
      ])
  }

  @Test func `Python asks for contexts by other programs, and for what is not there`() async throws {
    let sudo = try StubProgram("sudo", ["STUB_PASSWORD": "secret"])
    let (su, ssh) = (try StubProgram("su", ["STUB_PASSWORD": "secret"]), try StubProgram("ssh"))
    let docker = try StubProgram("docker")
    try await PythonMaster.run(
      """
      def main(router):
          child = router.local(python_path=program)
          sudo, su, ssh, docker = sys.argv[2:]
          asked = [
              lambda **k: router.sudo(via=child, sudo_path=sudo, password="secret", **k),
              lambda **k: router.su(via=child, su_path=su, password=Secret("secret"), **k),
              lambda **k: router.ssh(via=child, ssh_path=ssh, hostname="host", check_host_keys="ignore", **k),
              lambda **k: router.docker(via=child, docker_path=docker, container="somecontainer", **k),
          ]
          for connect in asked:
              context = connect(python_path=python)
              assert context.call(os.getpid) > 0
              assert connect(python_path=program, name="other").call(swift("Add"), left=1, right=1) == 2
          assert context.name == child.name + ".docker.somecontainer", context.name
          # Swift's own way, and Swift's own fork.
          assert router.ssh(via=child, ssh_path=ssh, hostname="host", check_host_keys="ignore").call(
              swift("Add"), left=1, right=1) == 2
          assert router.fork(via=child).call(swift("Add"), left=1, right=1) == 2
          error = refused(StreamError, router.sudo, via=child, sudo_path=sudo, password="wrong", python_path=python)
          assert error.startswith("error occurred on host ") and "password is incorrect" in error, error
          assert "has no option nonsense" in refused(StreamError, router.local, via=child, nonsense=1)
          assert "needs hostname" in refused(StreamError, router.ssh, via=child)
          assert "needs container or image" in refused(StreamError, router.docker, via=child)
          assert "No such file" in refused(StreamError, router.local, via=child, python_path="/nonexistent")
      """, sudo.path, su.path, ssh.path, docker.path)
  }

  @Test func `chains keep order, and stop at an error`() async throws {
    try await PythonMaster.run(
      """
      def main(router):
          child = router.local(python_path=program)
          with mitogen.parent.CallChain(child, pipelined=True) as chain:
              for number in range(100):
                  chain.call_no_reply(swift("Note"), number=number)
              assert chain.call(swift("Note"), number=100) == list(range(101))
              chain.call_no_reply(swift("Fail"))
              assert "DiskFull" in refused(CallError, chain.call, swift("Note"), number=0)
              chain.reset()
              assert len(chain.call(swift("Note"), number=101)) == 102
      """)
  }

  @Test func `a Select over ten Swift contexts, Python ones among them`() async throws {
    try await PythonMaster.run(
      """
      import operator
      def main(router):
          contexts = [router.local(python_path=program) for _ in range(10)]
          others = [router.local(python_path=python) for _ in range(2)]
          calls = [c.call_async(swift("Add"), left=n, right=0) for n, c in enumerate(contexts) for _ in range(20)]
          calls += [c.call_async(operator.add, 100, 0) for c in others]
          results = sorted(message.unpickle() for message in mitogen.select.Select(calls))
          assert results == sorted([n for n in range(10) for _ in range(20)] + [100, 100]), results
          lingering = [c.call_async(swift("Linger")) for c in contexts]
          os.kill(int(contexts[3].name.split(".")[1]), signal.SIGKILL)
          for context in contexts[:3] + contexts[4:]:
              context.shutdown(wait=True)
          for receiver in lingering:
              refused(ChannelError, receiver.get, 30)
      """)
  }

  @Test func `senders go both ways, also between siblings of different kinds`() async throws {
    try await PythonMaster.run(
      """
      import mail
      def main(router):
          child, sibling = router.local(python_path=program), router.local(python_path=python)
          heard = Receiver(router)
          values = [1, u"\\u20ac", b"\\xff", None, [1.5, {"a": True}], 2 ** 70]
          assert child.call(swift("Post"), sender=heard.to_sender(), values=values) == len(values)
          assert [message.unpickle() for message in heard] == values
          # A channel: it tells where it hears.
          for send in (lambda sender: [sender.send(n) for n in range(1000)] and sender.close(),
                       lambda sender: sibling.call(mail.count, sender, 1000)):
              answers = Receiver(router)
              total = child.call_async(swift("Total"), answers=answers.to_sender())
              send(answers.get(30).unpickle())
              assert total.get(30).unpickle() == sum(range(1000))
          # What Swift sends to a sibling in Python.
          sender = sibling.call(mail.open)
          assert child.call(swift("Post"), sender=sender, values=values) == len(values)
          assert sibling.call(mail.read) == values
      """,
      files: [
        "mail.py": """
        import mitogen.core
        receivers = []
        def count(sender, number):
            for value in range(number):
                sender.send(value)
            sender.close()
        @mitogen.core.takes_router
        def open(router):
            receivers.append(mitogen.core.Receiver(router))
            return receivers[0].to_sender()
        def read():
            return [message.unpickle() for message in receivers[0]]
        """
      ])
  }

  @Test func `what Swift prints and logs arrives in Python's log`() async throws {
    try await PythonMaster.run(
      """
      records = []
      class Collector(logging.Handler):
          def emit(self, record):
              records.append((record.name, record.levelno, record.getMessage()))
      def main(router):
          logging.getLogger().setLevel(logging.INFO)
          logging.getLogger().addHandler(Collector())
          child = router.local(python_path=program)
          below = router.local(via=router.local(via=child, python_path=python), python_path=program)
          child.call(swift("Speak"), text="here")
          below.call(swift("Speak"), text="below")
          child.shutdown(wait=True)
          for context, text in ((child, "here"), (below, "below")):
              mine = [(name, level, line) for name, level, line in records if line.endswith(text)]
              assert ("speech.[%s]" % (context.name,), logging.ERROR, "logged " + text) in mine, records
              assert ("stdout.[%s]" % (context.name,), logging.INFO, "printed " + text) in mine, records
      """)
  }

  @Test func `services of Swift for Python, and of Python for Swift`() async throws {
    try await PythonMaster.run(
      """
      class Desk(mitogen.service.Service):
          @mitogen.service.expose(policy=mitogen.service.AllowAny())
          @mitogen.service.arg_spec({"number": int})
          def double(self, number):
              return 2 * number
          @mitogen.service.expose(policy=mitogen.service.AllowParents())
          def private(self):
              return 1
      def main(router):
          pool = mitogen.service.Pool(router, services=[Desk(router)], size=2)
          try:
              child = router.local(python_path=program)
              assert child.call_service("AsyncMitogenTests.Tally", "add", amount=2) == 2
              assert child.call_service("AsyncMitogenTests.Tally", "add", amount=3) == 5
              assert child.call_service("AsyncMitogenTests.Tally", "total") == 5
              refused(CallError, child.call_service, "AsyncMitogenTests.Tally", "nothing")
              refused(CallError, child.call_service, "AsyncMitogenTests.NoSuchService", "add")
              name = Desk.name()
              ask = lambda method, **k: child.call(swift("AskParent"), service=name, method=method, arguments=k)
              assert ask("double", number=21) == 42
              refused(CallError, ask, "double", number="x")
              assert "not authorized" in refused(CallError, ask, "private")
          finally:
              pool.stop(join=True)
      """)
  }

  @Test func `files of a Python master for Swift, and for Python below Swift`() async throws {
    let box = try Sandbox()
    let content = Sandbox.content(700_000)
    let path = try box.file("file", content)
    try await PythonMaster.run(
      """
      import reader
      def main(router):
          files = mitogen.service.FileService(router)
          pushes = mitogen.service.PushFileService(router=router)
          pool = mitogen.service.Pool(router, services=[files, pushes], size=2)
          path, target, other = sys.argv[2:]
          files.register(path)
          try:
              child = router.local(python_path=program)
              below = router.local(via=child, python_path=python)
              assert child.call(swift("FetchFromParent"), path=path, target=target) == 0
              assert below.call(reader.fetch, path, other) == os.path.getsize(path)
              # Through Swift, which keeps and forwards it.
              small = __file__
              pushes.propagate_to(below, mitogen.core.to_text(small))
              assert below.call(reader.pushed, mitogen.core.to_text(small)) == open(small, "rb").read()
              # What was only passed on is Swift's own too.
              pushes.propagate_to(child, mitogen.core.to_text(small))
              assert child.call(swift("Pushed"), path=mitogen.core.to_text(small)) == open(small, "rb").read()
          finally:
              pool.stop(join=True)
      """,
      files: [
        "reader.py": """
        import os
        import mitogen.core, mitogen.service
        @mitogen.core.takes_econtext
        def fetch(path, target, econtext):
            with open(target, 'wb') as file:
                ok, metadata = mitogen.service.FileService.get(econtext.master, path, file)
            assert ok
            return os.path.getsize(target)
        @mitogen.core.takes_router
        def pushed(path, router):
            service = mitogen.service.get_or_create_pool(router=router).get_service('mitogen.service.PushFileService')
            return bytes(service.get(path))
        """
      ], path, box("one"), box("two"))
    #expect(box.read("one") == content)
    #expect(box.read("two") == content)
  }

  @Test func `a killed Python master leaves nothing behind`() async throws {
    let script = """
      def main(router):
          first = router.local(python_path=program)
          second = router.local(via=first, python_path=python)
          third = router.local(via=second, python_path=program)
          first.call_async(swift("Linger"))
          print(first.call(swift("Speak"), text=""), second.call(os.getpid), third.call(swift("Speak"), text=""))
          sys.stdout.flush()
          os.kill(os.getpid(), signal.SIGKILL)
      if __name__ == "__main__":
          run(main)
      """
    let box = try PythonMaster.scripts(script, [:])
    let words = [try #require(Python.path), box("main.py"), PythonMaster.program].map(ShellCommand.quoted)
    let line = "timeout 60 " + words.joined(separator: " ")
    let output = try await onOwnThread { Result { try ShellCommand(line) } }.get().output
    let lines = output.split(separator: "\n").map { $0.split(separator: " ").map { Int32($0) } }
    let processes = (lines.first { $0.count == 3 && !$0.contains(nil) } ?? []).compactMap { $0 }
    try #require(processes.count == 3, "\(output)")
    try await eventually("they are gone") { processes.allSatisfy { !Facts.isAlive($0) } }
  }
}
