import Glibc
import Testing

@testable import AsyncMitogen

/// How Python children are started by other programs, print, and end.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or MITOGEN_PYTHON"),
  .serialized, .timeLimit(.minutes(2)))
struct PythonLifeTests {
  @Test func `each method starts Python`() async throws {
    try await withRouter(configuration: try Python.configuration()) { router in
      let python = try Python.program()
      func expectUp(_ context: Context, _ name: String) async throws {
        #expect(context.name == name)
        let number: Int = try await context.call(python: "os.getpid")
        #expect(number > 0)
        try await context.shutdown()
      }
      let sudo = try StubProgram("sudo", ["STUB_PASSWORD": "secret"])
      try await expectUp(router.sudo(password: "secret", sudoPath: sudo.path, python: python), "sudo.root")
      try await expectUp(
        router.sudo(password: "secret", sudoPath: sudo.path, login: true, python: python), "sudo.root")
      let su = try StubProgram("su", ["STUB_PASSWORD": "secret"])
      try await expectUp(router.su(password: "secret", suPath: su.path, python: python), "su.root")
      let doas = try StubProgram("doas", ["STUB_PASSWORD": "secret"])
      try await expectUp(router.doas(password: "secret", doasPath: doas.path, python: python), "doas.root")
      let ssh = try StubProgram("ssh")
      try await expectUp(
        router.ssh(hostname: "host", checkHostKeys: .ignore, sshPath: ssh.path, python: python), "ssh.host")
      let docker = try StubProgram("docker")
      try await expectUp(
        router.docker(container: "somecontainer", dockerPath: docker.path, python: python), "docker.somecontainer")
      let middle = try await router.local()
      try await expectUp(
        router.ssh(hostname: "host", checkHostKeys: .ignore, sshPath: ssh.path, python: python, via: middle),
        "local.\(try await middle.call { Facts.processID() }).ssh.host")
    }
  }

  @Test func `a Python that is not there, or ends too early`() async throws {
    try await withRouter(configuration: try Python.configuration()) { router in
      let absent = await #expect(throws: ConnectionError.self) { try await router.local(python: "/nonexistent/python") }
      #expect(absent?.message.contains("No such file") == true)
      let silent = await #expect(throws: ConnectionError.self) {
        try await router.local(python: ["/bin/sh", "-c", "echo hello; echo no >&2; exit 7"])
      }
      #expect(silent?.status == .exited(code: 7))
      #expect(silent?.lines.sorted() == ["hello", "no"])
      #expect(silent?.hint?.contains("/bin/sh") == true)
      // The base64 of the first stage is nothing for people.
      #expect(silent?.description.contains("(first stage)") == true)
      let late = await #expect(throws: ConnectionError.self) {
        try await router.local(connectTimeout: .milliseconds(200), python: ["/bin/sh", "-c", "exec sleep 60"])
      }
      #expect(late?.message.contains("did not come up") == true)
    }
  }

  @Test func `it ends when asked, when its parent does, and is told of when killed`() async throws {
    var numbers: [Int32] = []
    try await withRouter(configuration: try Python.configuration()) { router in
      let python = try Python.program()
      let first = try await router.local(python: python)
      let number: Int32 = try await first.call(python: "os.getpid")
      try await first.shutdown()
      #expect(!Facts.isAlive(number))
      await #expect(throws: ChannelError.self) { try await first.call(python: "os.getpid") }
      let second = try await router.local(python: python)
      let killed: Int32 = try await second.call(python: "os.getpid")
      let waiting: Receiver<PickledValue> = second.callAsync(python: "time.sleep", 60)
      kill(killed, SIGKILL)
      let error = await #expect(throws: ChannelError.self) { try await waiting.get() }
      #expect(error?.reason == "the respondent Context has disconnected")
      #expect(error?.detail?.contains("signal 9") == true)
      let third = try await router.local(python: python)
      numbers.append(try await third.call(python: "os.getpid"))
      // One that hangs is killed.
      let hanging = try await router.local(python: python)
      numbers.append(try await hanging.call(python: "os.getpid"))
      try hanging.callNoReply(python: "time.sleep", 60)
      let disconnected = try await router.local(python: python)
      numbers.append(try await disconnected.call(python: "os.getpid"))
      await router.disconnect(disconnected)
      try await disconnected.disconnected()
      // What a call waits for ends with the time.
      let slow = try await router.local(python: python)
      await #expect(throws: TimeoutError.self) {
        try await slow.call(python: "time.sleep", 1, timeout: .milliseconds(50))
      }
      #expect(try await slow.call(python: "os.getppid") == Int(getpid()))
    }
    #expect(numbers.count == 3 && numbers.allSatisfy { !Facts.isAlive($0) })
  }

  @Test func `the finder runs with the first Python context, and ends with the router`() async throws {
    let box = try Python.sandbox(["number.py": "value = 1\n"])
    let finders = { (try? ShellCommand("pgrep -f -- '-c import ast.*\(box.path)'; true").output) ?? "" }
    try await withRouter(configuration: try Python.configuration(searchPath: [box.path])) { router in
      _ = try await router.local()
      #expect(finders().split(separator: "\n").filter { Facts.isAlive(Int32($0) ?? 0) }.isEmpty)
      _ = try await router.local(python: try Python.program())
      _ = try await router.local(python: try Python.program())
      let running = finders().split(separator: "\n").compactMap { Int32($0) }.filter { Facts.isAlive($0) }
      // One that is killed is followed by another.
      for number in running { kill(number, SIGKILL) }
      let before = try await router.local(python: try Python.program())
      while true {
        let child = try await router.local(python: try Python.program())
        let value: Int? = try? await child.call(python: "builtins.eval", "__import__('number').value")
        if value == 1 { break }
      }
      let value: Int? = try? await before.call(python: "builtins.eval", "__import__('number').value")
      #expect(value == 1)
    }
    #expect(!finders().split(separator: "\n").contains { Facts.isAlive(Int32($0) ?? 0) })
  }

  @Test func `Python's clients get files from our service`() async throws {
    let files = [
      "reader.py": """
      import io, mitogen.core, mitogen.service
      @mitogen.core.takes_econtext
      def read(path, econtext):
          stream = io.BytesIO()
          done, metadata = mitogen.service.FileService.get(econtext.parent, path, stream)
          return [done, metadata['size'], stream.getvalue()]
      """
    ]
    try await Python.withChild(files) { router, child in
      let (box, served) = (try Sandbox(), ServedFiles(router))
      let content = Sandbox.content(3_000_000)
      let path = try box.file("large", content)
      try await served.service.register(path)
      let answer: [PickledValue] = try await child.call(python: "reader.read", path)
      #expect(answer[0] == true && answer[1] == 3_000_000)
      #expect(answer[2] == .bytes(content))
      await served.pool.close()
    }
  }

  @Test func `our clients get files from the service of a Python child`() async throws {
    try await Python.withChild { router, child in
      let box = try Sandbox()
      let content = Sandbox.content(1_000_000)
      let path = try box.file("large", content)
      // A parent's first call makes the service.
      _ = try await FileService.get(path, from: child, to: box("copy"))
      #expect(box.read("copy") == content)
    }
  }

  @Test func `files that we push reach Python, also behind Python`() async throws {
    let files = [
      "shelf.py": """
      import mitogen.core, mitogen.parent, mitogen.service
      below = []
      @mitogen.core.takes_econtext
      def grow(path, econtext):
          mitogen.parent.upgrade_router(econtext)
          below.append(econtext.router.local(python_path=path))
          return below[-1]
      @mitogen.core.takes_router
      def take(path, router):
          service = mitogen.service.get_or_create_pool(router=router).get_service('mitogen.service.PushFileService')
          return bytes(service.get(path))
      """
    ]
    try await Python.withChild(files) { router, child in
      let box = try Sandbox()
      let content = Sandbox.content(200_000)
      let path = try box.file("pushed", content)
      let pushes = PushFileService(router: router)
      let pool = Pool(router: router, services: [pushes])
      try await pushes.propagate(path, to: child)
      #expect(try await child.call(python: "shelf.take", path) == content)
      let below: Context = try await child.call(python: "shelf.grow", try #require(Python.path))
      try await pushes.propagate(path, to: below)
      #expect(try await below.call(python: "shelf.take", path) == content)
      await pool.close()
    }
  }
}

/// What Python children print and log.
extension ChildLogTests {
  @Test(.enabled(if: Python.path != nil)) func `what Python prints and logs arrives`() async throws {
    let (child, lines) = try await collect(configuration: try Python.configuration()) { router in
      let child = try await router.local(python: try Python.program())
      try await child.call(python: "builtins.print", "printed by Python")
      try await child.call(
        python: "builtins.eval", "__import__('os').system('echo said by a shell; echo complained >&2')")
      try await child.call(python: "logging.warning", "beware")
      try child.callNoReply(python: "builtins.int", "no number")
      try await child.call(python: "os.getpid")
      try await child.shutdown()
      return child
    }
    let mine = lines.filter { $0.contextID == child.id }
    #expect(mine.contains { $0.logger == "stdout" && $0.message == "printed by Python" })
    #expect(mine.contains { $0.logger == "stdout" && $0.message == "said by a shell" })
    #expect(mine.contains { $0.logger == "stderr" && $0.message == "complained" })
    #expect(mine.contains { $0.level == .warning && $0.message == "beware" })
    #expect(mine.contains { $0.level == .error && $0.message.contains("ValueError") })
  }
}
