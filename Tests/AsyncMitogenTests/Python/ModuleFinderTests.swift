import Testing

@testable import AsyncMitogen

/// What the Python beside a master finds; most of it needs no Mitogen.
@Suite(.enabled(if: ShellCommand.finds("python3"), "needs python3 in PATH"), .timeLimit(.minutes(1)))
struct ModuleFinderTests {
  private typealias Ask = (_ kind: String, _ arguments: String...) async throws -> Unpickled.Node

  private func find(
    _ files: [String: String], main: String? = nil, _ body: (Sandbox, Ask) async throws -> Void
  ) async throws {
    let box = try Python.sandbox(files)
    let installation = PythonInstallation(
      interpreter: PythonProgram(Python.path ?? "python3"), searchPath: [box.path], mainModule: main.map { box($0) })
    try await withRouter { router in
      let broker = try #require(router.broker)
      let finder = try ModuleFinder(installation, broker: broker, answerLimit: 1 << 26)
      try finder.start()
      try await body(box) { kind, arguments in
        try await withCheckedThrowingContinuation { continuation in
          finder.ask(kind, arguments) { continuation.resume(with: $0) }
        }
      }
      finder.end()
    }
  }

  /// The names of submodules, the path and the related modules; nil if there is no such module.
  private func module(
    _ name: String, _ ask: Ask
  ) async throws -> (submodules: PickledValue, path: String?, related: [String])? {
    let node = try await ask("module", name)
    guard !node.isNone else { return nil }
    return (node.element(0).value, node.element(1).text, try node.element(3).decode([String].self, userInfo: [:]))
  }

  @Test func `modules, packages and what is neither`() async throws {
    let files = [
      "plain.py": "value = 1\n", "empty.py": "", "pkg/__init__.py": "", "pkg/mod.py": "import plain\n",
      "pkg/sub/__init__.py": "", "space/inner.py": "", "latin.py": "# -*- coding: latin-1 -*-\n",
      "self_replacing.py": "import sys\nsys.modules[__name__] = 5\n", "broken.py": "def (:\n",
    ]
    try await find(files) { box, ask in
      let plain = try await module("plain", ask)
      #expect(plain?.submodules == PickledValue.none && plain?.path == box("plain.py") && plain?.related == [])
      #expect(try await module("empty", ask)?.path == box("empty.py"))
      let package = try await module("pkg", ask)
      #expect(package?.submodules == ["mod", "sub"] && package?.path == box("pkg/__init__.py"))
      let inner = try await module("pkg.mod", ask)
      #expect(inner?.submodules == PickledValue.none && inner?.related == ["pkg", "plain"])
      // A package without a file is an empty one.
      let space = try await module("space", ask)
      #expect(space?.submodules == ["inner"] && space?.path == box("space/__init__.py"))
      #expect(try await module("space.inner", ask)?.related == ["space"])
      // Nothing has been executed, so nothing has replaced itself.
      #expect(try await module("self_replacing", ask)?.path == box("self_replacing.py"))
      // Whether it is Python is for those to say who run it.
      #expect(try await module("broken", ask)?.related == [])
      for name in [
        "sys", "os", "json", "email.mime.text", "_socket", "logging", "nope", "pkg.nope", "plain.x", "nope.x",
      ] {
        #expect(try await module(name, ask) == nil, "\(name)")
      }
      let error = await #expect(throws: PythonUnavailableError.self) { _ = try await ask("module", "__main__") }
      #expect(error?.description.contains("mainModule") == true)
    }
  }

  @Test func `imports of the source, not of what is not run`() async throws {
    let source = """
      import a, b.c as x, d; import e
      from f import g, h as i
      from j import *
      if 1 > 2:
          import k
      else:
          import l
      try:
          import m
      except ImportError:
          import n
      with open('/dev/null'):
          import o
      class C:
          import not_p
      def function():
          import not_q
      from . import r
      from .s import t
      from ..up import v
      """
    var files = ["top/pkg/__init__.py": source, "top/__init__.py": "", "top/up/__init__.py": "", "top/up/v.py": ""]
    for name in ["a", "d", "e", "j", "k", "l", "m", "n", "o", "not_p", "not_q"] { files[name + ".py"] = "" }
    files.merge([
      "b/__init__.py": "", "b/c.py": "", "f/__init__.py": "", "f/g.py": "", "top/pkg/r.py": "", "top/pkg/s.py": "",
    ]) { $1 }
    try await find(files) { _, ask in
      let expected = [
        "a", "b", "b.c", "d", "e", "f", "f.g", "j", "k", "l", "m", "n", "o", "top", "top.pkg.r", "top.pkg.s", "top.up",
        "top.up.v",
      ]
      let direct = try await module("top.pkg", ask)?.related
      #expect(direct == expected)
      // And what those import.
      let indirect = try await module("top.pkg.s", ask)?.related
      #expect(indirect == (expected + ["top.pkg"]).filter { $0 != "top.pkg.s" }.sorted())
    }
  }

  @Test(arguments: [
    ("def f(): pass\nif __name__ == \"__main__\":\n  f()\n", "def f(): pass\n"),
    ("@mitogen.main()\ndef f(): pass\n", "@mitogen.main()\ndef f(): pass\n"), ("f()\n", nil),
  ])
  func `the main module up to its guard`(_ source: String, _ served: String?) async throws {
    try await find(["script.py": source], main: "script.py") { box, ask in
      guard let served else {
        let error = await #expect(throws: PythonUnavailableError.self) { _ = try await ask("module", "__main__") }
        #expect(error?.description.contains(box("script.py")) == true)
        return
      }
      let node = try await ask("module", "__main__")
      let compressed = try #require(node.element(2).bytes)
      // The last four bytes of the format are a sum of the content.
      #expect(Array(compressed.suffix(4)) == adler(Array(served.utf8)))
    }
  }

  private func adler(_ bytes: [UInt8]) -> [UInt8] {
    var (low, high): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      low = (low + UInt32(byte)) % 65_521
      high = (high + low) % 65_521
    }
    return [high >> 8, high, low >> 8, low].map { UInt8(truncatingIfNeeded: $0) }
  }

  @Test func `files of packages, and no others`() async throws {
    let files = [
      "pkg/__init__.py": "", "pkg/binary": "\0\u{1}", "pkg/empty": "", "pkg/text.txt": "text\n",
      "pkg/sub_dir/empty": "", "pkg/inner/__init__.py": "", "pkg/inner/data": "x", "plain.py": "", "outside": "secret",
    ]
    try await find(files) { _, ask in
      for (package, name, content) in [
        ("pkg", "binary", "\0\u{1}"), ("pkg", "empty", ""), ("pkg", "text.txt", "text\n"), ("pkg", "sub_dir/empty", ""),
        ("pkg.inner", "data", "x"),
      ] {
        let found = try await ask("resource", package, name).bytes
        #expect(found == Array(content.utf8), "\(package) \(name)")
      }
      for (package, name) in [
        ("pkg", "no"), ("pkg", "sub_dir"), ("pkg", "../outside"), ("pkg", "/etc/passwd"),
        ("pkg", "inner/../../outside"),
        ("pkg", ""), ("plain", "outside"), ("nope", "x"), ("email", "architecture.rst"),
      ] {
        let found = try await ask("resource", package, name)
        #expect(found.isNone, "\(package) \(name)")
      }
    }
  }

  @Test(.enabled(if: Python.path != nil, "needs mitogen")) func `Mitogen's own modules, minified`() async throws {
    try await find([:]) { _, ask in
      #expect(try await ask("describe").count == 3)
      let core = try await ask("module", "mitogen.core")
      #expect(try #require(core.element(2).bytes).count < 25_000)
      #expect(try await module("mitogen.fakessh", ask)?.related == ["mitogen", "mitogen.core", "mitogen.parent"])
    }
  }
}
