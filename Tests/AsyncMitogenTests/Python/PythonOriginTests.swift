import Foundation
import Testing

@testable import AsyncMitogen

/// What a Python parent sends to begin with, taken apart.
struct PythonOriginTests {
  // MARK: literals

  @Test(
    arguments: [
      ("None", nil), ("True", true), ("False", false), ("0", 0), ("-12", -12), ("7L", 7),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)), ("''", ""), ("u'a'", "a"),
      (#"'a\'b"c'"#, "a'b\"c"), (#""it's""#, "it's"),
      (#"'\n\r\t\\\x41\xe4\u20ac\U0001f600'"#, "\n\r\t\\A\u{e4}\u{20ac}\u{1f600}"),
      ("'\u{e4}'", "\u{e4}"), (#"b'\xffa'"#, .bytes([0xff, 0x61])), ("[]", []), ("[1, 'b',None,]", [1, "b", nil]),
      ("()", .tuple([])), ("(0, 3, 54)", .tuple([0, 3, 54])), ("(1,)", .tuple([1])), ("(1)", 1), ("{}", [:]),
      ("{'a': 1, 2: [()],}", ["a": 1, 2: [.tuple([])]]), (" [ 1 , \n2 ] ", [1, 2]),
    ] as [(String, PickledValue)])
  func `values as Python writes them`(_ text: String, _ value: PickledValue) throws {
    #expect(try PythonLiteral.parse(Array(text.utf8)) == value)
  }

  @Test(arguments: [
    "", " ", "none", "Nones", "os.system", "f()", "x", "1 2", "1.5", "1e3", "0x10", "1_0", "--1", "-", "+1",
    "9223372036854775808", "'", "'a", "'a\n'", "\"a'", #"'\q'"#, #"'\x4'"#, #"'\x4g'"#, #"'\x+1'"#, #"'\ud800'"#,
    #"'\U00110000'"#, #"b'\u0041'"#, "r'a'", "'''a'''", "'a' 'b'", "[", "[1", "[1 2]", "[,]", "[1,,2]", "(", "(1 2)",
    "(,)",
    "{", "{1}", "{1:}", "{1:2 3:4}", "{,}", "{1:2,,}", "{1, 2}", "[1)", "1]", "[1 for x in y]", "1 + 1", "lambda: 0",
    "...", "u", "b",
  ])
  func `what is no value is refused`(_ text: String) {
    #expect(throws: PythonLiteral.Failure.self) { try PythonLiteral.parse(Array(text.utf8)) }
  }

  @Test func `depth is limited, and bytes that are no text are refused`() throws {
    func nested(_ depth: Int) -> [UInt8] {
      Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    _ = try PythonLiteral.parse(nested(PythonLiteral.depthLimit))
    #expect(throws: PythonLiteral.Failure.self) { try PythonLiteral.parse(nested(PythonLiteral.depthLimit + 2)) }
    #expect(throws: PythonLiteral.Failure.self) { try PythonLiteral.parse(nested(100_000)) }
    #expect(throws: PythonLiteral.Failure.self) { try PythonLiteral.parse([0x27, 0xff, 0x27]) }
    var random = Seeded(3)
    let letters = Array("[](){}'\"\\,: -019LTrueNonbxu\n\u{e4}".utf8)
    for _ in 0..<5_000 {
      let text = (0..<Int(random.next() % 24)).map { _ in letters[Int(random.next() % UInt64(letters.count))] }
      _ = try? PythonLiteral.parse(text)
    }
  }

  // MARK: preambles

  private static let core = "import sys\nclass ExternalContext:\n pass\n"
  private static let entries = """
    'parent_ids': [3, 0], 'context_id': 7, 'debug': False, 'import_blocks': ['a', 'b.c'], 'import_overrides': [], \
    'log_levels': [30, 20, 10], 'profiling': False, 'unidirectional': True, 'max_message_size': 1000, \
    'version': (0, 3, 54)
    """

  private static func preamble(_ entries: String, core: String = core) -> [UInt8] {
    GzipCompressor.zlib(Array("\(core)\nExternalContext({\(entries)}).main()\n".utf8))
  }

  @Test func `Mitogen's preamble has the source and a configuration`() throws {
    let origin = try PythonOrigin(preamble: PythonOriginTests.preamble(PythonOriginTests.entries))
    #expect(String(decoding: origin.core, as: UTF8.self) == PythonOriginTests.core)
    let configuration = try origin.configuration
    #expect(configuration.contextID == ContextID(rawValue: 7))
    #expect(configuration.parentIDs == [3, 0].map(ContextID.init(rawValue:)))
    #expect(configuration.logLevels == [30, 20, 10])
    #expect(configuration.maximumMessageSize == 1_000)
    #expect(configuration.unidirectional && !configuration.debug && !configuration.profiling)
    #expect(
      configuration.python == PythonDescription(version: [0, 3, 54], blocks: ["a", "b.c"], overrides: []))
    // What contexts below are told is the same.
    let passed = try PickleDecoder().decode(
      ChildConfiguration.self, from: PickleEncoder().encode(configuration))
    #expect(passed.python == configuration.python)
  }

  @Test func `what our own contexts send to Python can be read too`() throws {
    let first = try PythonOrigin(preamble: PythonOriginTests.preamble(PythonOriginTests.entries))
    let (configuration, python) = (try first.configuration, try first.python)
    let preamble = PythonPreamble.bytes(
      core: GzipCompressor.zlib(first.core), configuration: configuration, python)
    let second = try PythonOrigin(preamble: preamble)
    #expect(second.core == first.core)
    #expect(try second.python == python)
    #expect(try second.configuration.contextID == configuration.contextID)
  }

  @Test(arguments: [
    "", "'context_id': 7", "'parent_ids': [0]", "'parent_ids': [], 'context_id': 7",
    "'parent_ids': [7, 0], 'context_id': 7", "'parent_ids': [0, 0], 'context_id': 7",
    "'parent_ids': [0], 'context_id': 0", "'parent_ids': [0], 'context_id': -1",
    "'parent_ids': [0], 'context_id': 4294967296", "'parent_ids': [0], 'context_id': '7'",
    "'parent_ids': ['0'], 'context_id': 7", "'parent_ids': 0, 'context_id': 7",
    "'parent_ids': [0], 'context_id': 7, 'debug': 'yes'", "'parent_ids': [0], 'context_id': 7, 'log_levels': ['x']",
    "'parent_ids': [0], 'context_id': 7, 'max_message_size': 0",
    "'parent_ids': [0], 'context_id': 7, 'max_message_size': 'much'",
    "'parent_ids': [0], 'context_id': 7, 'version': ('0',)",
    "'parent_ids': [0], 'context_id': 7, 'import_blocks': [1]",
  ])
  func `a configuration that makes no sense is refused`(_ entries: String) throws {
    let origin = try PythonOrigin(preamble: PythonOriginTests.preamble(entries))
    #expect(throws: PythonOrigin.Failure.self) { try origin.configuration }
  }

  @Test func `what is no preamble is refused`() {
    let entries = PythonOriginTests.entries
    let texts = [
      "", "\n", "print(1)", "x\nExternalContext({}).start()", "x\nExternalContext(", "x\nExternalContext(f()).main()",
      "x\nExternalContext({}).main();import os", "x\n ExternalContext({}).main()",
      "x\nExternalContext({\(entries)}).main()\nprint(1)",
    ]
    for text in texts {
      #expect(throws: PythonOrigin.Failure.self, "\(text)") {
        try PythonOrigin(preamble: GzipCompressor.zlib(Array(text.utf8)))
      }
    }
    #expect(throws: PythonOrigin.Failure.self) { try PythonOrigin(preamble: Array("no zlib".utf8)) }
  }

  // MARK: connection methods

  @Test func `options as Python sends them`() throws {
    let options: PickledValue = .keywords([
      .init("hostname", "web1"), .init("port", 2222), .init("password", "secret"), .init("username", nil),
      .init("check_host_keys", "accept"), .init("ssh_args", ["-4"]), .init("python_path", ["/usr/bin/env", "python3"]),
      .init("connect_timeout", 1.5), .init("debug", true), .init("profiling", false), .init("unidirectional", nil),
      .init("max_message_size", 128),
    ])
    let ssh = try #require(try PythonMethodForm.method("ssh", name: "x", options: options) as? SSHConnection)
    #expect(ssh.hostname == "web1" && ssh.port == 2_222 && ssh.password == "secret" && ssh.username == nil)
    #expect(ssh.checkHostKeys == .accept && ssh.sshArguments == ["-4"] && ssh.sshPath == "ssh")
    #expect(ssh.options.python == ["/usr/bin/env", "python3"] && ssh.options.name == "x")
    #expect(ssh.options.connectTimeout == .milliseconds(1_500) && ssh.options.debug)
    for timeout: PickledValue in [0, nil, 0.0, -1, 1e300] {
      let local = try PythonMethodForm.method("local", name: nil, options: ["connect_timeout": timeout])
      #expect(local.options.connectTimeout == ConnectionOptions().connectTimeout)
    }
    let image = try PythonMethodForm.method("docker", name: nil, options: ["image": "debian", "container": nil])
    #expect((image as? DockerConnection)?.image == "debian" && (image as? DockerConnection)?.container == nil)
  }

  @Test func `every method can be asked for`() throws {
    for name in KnownMethods.all.keys.sorted() {
      var options: PickledValue = [:]
      if name == "ssh" { options = ["hostname": "h"] }
      if name == "kubectl" { options = ["pod": "p"] }
      if ["docker", "podman", "buildah", "jail", "lxc", "lxd", "incus"].contains(name) { options = ["container": "c"] }
      if name == "setns" { options = ["container": "c", "kind": "lxc"] }
      let method = try PythonMethodForm.method(name, name: nil, options: options)
      #expect(type(of: method).methodName == name)
      #expect(throws: StreamError.self) { try PythonMethodForm.method(name, name: nil, options: ["nonsense": 1]) }
    }
  }

  @Test(
    arguments: [
      ("ssh", [:]), ("ssh", ["hostname": nil]), ("ssh", ["hostname": 5]), ("ssh", ["hostname": "h", "port": "x"]),
      ("ssh", ["hostname": "h", "check_host_keys": "never"]), ("docker", [:]),
      ("docker", ["container": "c", "image": "i"]), ("setns", ["container": "c"]),
      ("setns", ["container": "c", "kind": "x"]), ("local", [1: 2]), ("local", []), ("local", nil),
      ("local", ["connect_timeout": "x"]), ("local", ["python_path": 5]), ("local", ["debug": "x"]), ("none", [:]),
    ] as [(String, PickledValue)])
  func `options that make no sense are refused`(_ name: String, _ options: PickledValue) {
    #expect(throws: (any Error).self) { try PythonMethodForm.method(name, name: nil, options: options) }
  }
}

/// Which processes take themselves for Python interpreters.
struct PythonStartTests {
  private static let launcher =
    "import sys;sys.path=[p for p in sys.path if p];import binascii,os,select,zlib;"
    + "exec(zlib.decompress(binascii.a2b_base64(sys.argv[1]),-15))"
  private static let stage = PythonFirstStage.encoded

  /// Runs the demo with a command line and an input; what it prints, and how it ends.
  private func start(_ words: [String], input: [UInt8] = []) async throws -> ShellCommand {
    let box = try Sandbox()
    try box.file("in", input)
    let program = ([Place.build + "/AsyncMitogenDemo"] + words).map(ShellCommand.quoted).joined(separator: " ")
    let line = "timeout 20 \(program) <\(ShellCommand.quoted(box("in")))"
    return try await onOwnThread { Result { try ShellCommand(line) } }.get()
  }

  @Test func `a parent that goes away, or sends nonsense, is told, and nothing hangs`() async throws {
    func start(_ length: Int, _ input: [UInt8]) async throws -> ShellCommand {
      try await self.start(
        ["-c", PythonStartTests.launcher, PythonStartTests.stage, "name", "\(length)"], input: input)
    }
    let early = try await start(100, [1, 2, 3])
    #expect(early.status == 71 && early.output == "MITO000\n")
    let nonsense = try await start(7, Array("no zlib".utf8))
    #expect(nonsense.status == 71)
    #expect(
      nonsense.output.hasPrefix("MITO000\nAsyncMitogen: cannot become a context: the preamble cannot be inflated"))
    // Ours is another launcher, and is understood as well.
    let ours = try await self.start(["-c", PythonFirstStage.launcher, PythonStartTests.stage, "name", "3"])
    #expect(ours.status == 71 && ours.output == "MITO000\n")
  }

  @Test(arguments: [
    ["-c"], ["-c", launcher], ["-c", launcher, stage, "name"], ["-c", launcher, stage, "name", "10", "more"],
    ["-x", launcher, stage, "name", "10"], ["-c", "print(1)", stage, "name", "10"],
    ["-c", "import sys;print(sys.argv)", stage, "name", "10"], ["-c", " " + launcher, stage, "name", "10"],
    ["-c", launcher, "c3RhZ2U=", "name", "10"], ["-c", launcher, stage + "!!!!", "name", "10"],
    ["-c", launcher, stage + "a", "name", "10"], ["-c", launcher, stage, "", "10"],
    ["-c", launcher, stage, "a/b", "10"],
    ["-c", launcher, stage, "name", ""], ["-c", launcher, stage, "name", "0"], ["-c", launcher, stage, "name", "-1"],
    ["-c", launcher, stage, "name", "10x"], ["-c", launcher, stage, "name", "16777217"],
    ["-c", launcher, stage, "name", "99999999999999999999"], [launcher, "-c", stage, "name", "10"],
  ])
  func `nobody else is misled`(_ words: [String]) async throws {
    let result = try await start(words)
    #expect(!result.output.contains("MITO000"))
    #expect(result.status != 0 && result.status != 71 && result.status != 124)
  }
}
