import Testing

@testable import AsyncMitogen

/// The parts of starting and serving Python contexts, without any Python.
struct PythonPartsTests {
  private let configuration = ChildConfiguration(
    contextID: 5, parentIDs: [3, 0], debug: true, logLevels: [30, 20, 10], profiling: false, unidirectional: true,
    maximumMessageSize: 1_024, poolSize: 1, maximumConcurrentCalls: 1, maximumQueuedCalls: 1,
    maximumConcurrentConnections: 1, maximumConcurrentForks: 1, cache: .none, keepAlive: nil, keepAliveInterval: nil)

  @Test func `the command line`() {
    let stage = PythonFirstStage(program: ["/usr/bin/env", "python3"], name: "me@host:1", length: 19_000)
    let words = stage.words
    #expect(words.count == 7)
    #expect(Array(words[..<3]) == ["/usr/bin/env", "python3", "-c"])
    #expect(Array(words[5...]) == ["me@host:1", "19000"])
    // Whole through every shell.
    #expect(words.allSatisfy { word in !word.utf8.contains { [0x0a, 0x21, 0x27, 0x5c, 0x24].contains($0) } })
    #expect(words.joined().utf8.count < 1_200)
  }

  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("\u{ff}\u{3e}", "w78+"),
  ])
  func `base64`(_ text: String, _ encoded: String) {
    #expect(PythonFirstStage.base64(Array(text.utf8)) == encoded)
  }

  @Test func `the preamble is the source, and a line behind it`() {
    let python = PythonDescription(version: [0, 3, 54], blocks: ["a'b"], overrides: [])
    let bytes = PythonPreamble.bytes(core: [1, 2, 3], configuration: configuration, python)
    #expect(Array(bytes.prefix(3)) == [1, 2, 3])
    #expect(
      String(decoding: bytes.dropFirst(3), as: UTF8.self)
        == "\nExternalContext({'parent_ids': [3, 0], 'context_id': 5, 'debug': True, 'import_blocks': [\"a'b\"], "
        + "'import_overrides': [], 'log_levels': [30, 20, 10], 'profiling': False, 'unidirectional': True, "
        + "'max_message_size': 1024, 'version': (0, 3, 54, )}).main()\n")
  }

  @Test(arguments: [1, 3, 1_000]) func `the dialogue, however it is cut`(_ size: Int) {
    var dialogue = PythonDialogue()
    let text = Array("Welcome\nno newline MITO000\nMITO000\nMITO001\nmore\nMITO002\nframes\n".utf8)
    var (actions, rest, index): ([StartDialogue.Action], [UInt8], Int) = ([], [], 0)
    while index < text.count, rest.isEmpty, !actions.contains(.ready(BootstrapReport())) {
      let part = dialogue.receive(Array(text[index..<min(index + size, text.count)]))
      actions += part.actions
      rest = part.rest
      index += size
    }
    #expect(actions == [.sendGreeting, .ready(BootstrapReport())])
    #expect(dialogue.lines == ["Welcome", "more"])
    if size == 1_000 { #expect(rest == Array("frames\n".utf8)) }
  }

  @Test func `modules as they travel`() throws {
    let package = PythonModule(
      name: "a", content: .init(submodules: ["b"], path: "/a/__init__.py", compressed: [0, 255], related: ["c.d"]))
    let plain = PythonModule(name: "a.b", content: .init(submodules: nil, path: "/", compressed: [], related: []))
    for module in [package, plain, PythonModule(name: "none")] {
      #expect(try PythonModule(payload: module.payload()) == module)
    }
    #expect(
      try Unpickled(package.payload()).root.value
        == .tuple(["a", ["b"], "/a/__init__.py", .blob([0, 255]), ["c.d"]]))
    #expect(try Unpickled(PythonModule(name: "x").payload()).root.value == .tuple(["x", nil, nil, nil, .tuple([])]))
    for wrong: PickledValue in [
      nil, .tuple([]), .tuple([1, nil, nil, nil, []]), .tuple(["a", 1, "b", .blob([]), []]),
    ] {
      #expect(throws: (any Error).self) { try PythonModule(payload: PickleEncoder().encode(wrong)) }
    }
  }

  @Test func `which modules are served`() {
    let open = PythonImportPolicy()
    #expect(open.allows("a") && open.allows("a.b"))
    #expect(!open.allows("builtins") && !open.allows("__builtin__") && !open.allows("org.python.core"))
    let allowing = PythonImportPolicy(overrides: ["pkg"])
    #expect(allowing.allows("pkg") && allowing.allows("pkg.mod") && allowing.allows("mitogen.core"))
    #expect(!allowing.allows("pkgs") && !allowing.allows("other"))
    let blocking = PythonImportPolicy(blocks: ["pkg"])
    #expect(!blocking.allows("pkg") && !blocking.allows("pkg.mod") && blocking.allows("pkgs"))
    #expect(!PythonImportPolicy(overrides: ["a"], blocks: ["a.b"]).allows("a.b.c"))
    #expect(PythonModuleName.lineage(of: "foo") == ["foo"])
    #expect(PythonModuleName.lineage(of: "foo.bar") == ["foo", "foo.bar"])
  }

  @Test(arguments: [
    "", ".", "a.", ".a", "a..b", "a b", "a/b", "a-b", "a\0", "../a", String(repeating: "a", count: 1_025),
  ])
  func `what is no name of a module`(_ text: String) { #expect(PythonModuleName.read(text.utf8) == nil) }

  @Test func `names of modules`() {
    for text in ["a", "_a.B9", "\u{e4}.b"] { #expect(PythonModuleName.read(text.utf8) == text) }
    #expect(PythonModuleName.read([0x61, 0xff]) == nil)
  }

  @Test(arguments: [
    ("os.getpid", "os", nil, "getpid"), ("os.path.join", "os.path", nil, "join"), ("a.b:c", "a.b", nil, "c"),
    ("a.b:C.d", "a.b", "C", "d"), ("plain", "", nil, "plain"),
  ])
  func `functions by name`(_ text: String, _ module: String, _ className: String?, _ name: String) {
    let function = PythonFunction(text)
    #expect(function == PythonFunction(module, name, className: className))
  }

  @Test func `a call of a Python function`() throws {
    let request = try CallRequest.python("a.b:C.d", chain: "x", ["n": 1], "text", 2, [UInt8]([3]))
    #expect(
      try Unpickled(request).root.value
        == .tuple(
          ["x", "a.b", "C", "d", .tuple(["text", 2, .bytes([3])]), .keywords([PickledValue.Entry("n", 1)])]))
  }

  @Test func `a Python program as Mitogen's option`() throws {
    for (program, value): (PythonProgram, PickledValue) in [
      ("python3", "python3"), (["/usr/bin/env", "python3"], ["/usr/bin/env", "python3"]),
    ] {
      let bytes = try PickleEncoder().encode(program)
      #expect(try Unpickled(bytes).root.value == value)
      #expect(try PickleDecoder().decode(PythonProgram.self, from: bytes) == program)
    }
  }

  @Test func `without Mitogen beside the master the error says what to install`() async throws {
    for interpreter: PythonProgram in ["/nonexistent/python", ["/bin/sh", "-c", "exit 3"]] {
      let configuration = RouterConfiguration(python: PythonInstallation(interpreter: interpreter))
      try await withRouter(configuration: configuration) { router in
        let error = await #expect(throws: ConnectionError.self) { try await router.local(python: "python3") }
        #expect(error?.message.contains("pip install mitogen") == true)
        #expect(error?.message.contains(interpreter.words[0]) == true)
      }
    }
    try await withRouter(configuration: RouterConfiguration(python: nil)) { router in
      let error = await #expect(throws: ConnectionError.self) { try await router.local(python: "python3") }
      #expect(error?.message.contains("RouterConfiguration.python is nil") == true)
      let middle = try await router.local()
      let below = await #expect(throws: ConnectionError.self) {
        try await router.local(python: "python3", via: middle)
      }
      #expect(below?.message.contains("RouterConfiguration.python is nil") == true)
    }
  }

  @Test func `a Python beside the master that does not answer is not waited for without end`() async throws {
    let installation = PythonInstallation(interpreter: ["/bin/sh", "-c", "exec sleep 60"])
    try await withRouter(configuration: RouterConfiguration(python: installation)) { router in
      await #expect(throws: TimeoutError.self) {
        try await router.local(connectTimeout: .milliseconds(50), python: "python3")
      }
      let task = Task { try await router.local(python: "python3") }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
  }
}
