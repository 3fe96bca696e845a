import Foundation
import Testing

@testable import AsyncMitogen

/// Real Python children of a Swift master.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or MITOGEN_PYTHON"),
  .timeLimit(.minutes(2)))
struct PythonChildTests {
  @Test func `a Python child answers calls`() async throws {
    try await Python.withChild { router, child in
      let number: Int = try await child.call(python: "os.getpid")
      #expect(child.name == "local.\(number)")
      #expect(try await child.call(python: "os.path.join", "a", "b") == "a/b")
      #expect(try await child.call(python: "builtins:dict.fromkeys", ["a"], 1) == ["a": 1])
      #expect(try await child.call(python: "builtins.int", "ff", keywords: ["base": 16]) == 255)
      let missing: String? = try await child.call(python: "os.getenv", "NO_SUCH_VARIABLE_AT_ALL")
      #expect(missing == nil)
      try await child.call(python: "os.chdir", "/")
      #expect(try await child.callAsync(python: "os.getcwd").get() == "/")
      let place: PickledValue = try await child.call(
        python: "builtins.eval",
        "(lambda m: (m.context_id, m.parent_id, m.parent_ids, m.is_master))(__import__('mitogen'))")
      #expect(place == .tuple([.integer(Int(child.id.rawValue)), 0, [0], false]))
      let version: [Int] = try await child.call(python: "builtins.eval", "__import__('mitogen').__version__")
      #expect(version.count == 3)
    }
  }

  @Test func `what it raises arrives with type, text and traceback`() async throws {
    try await Python.withChild(["broken.py": "def fail(text):\n    raise KeyError(text)\n"]) { router, child in
      let error = await #expect(throws: CallError.self) { try await child.call(python: "broken.fail", "a: b") }
      #expect(error?.typeName == "builtins.KeyError")
      #expect(error?.message.hasPrefix("'a: b'\n") == true)
      #expect(error?.traceback?.contains("broken.py\", line 2, in fail") == true)
      #expect(error?.context == child.id)
      let absent = await #expect(throws: CallError.self) { try await child.call(python: "no_such_module.f") }
      #expect(absent?.typeName.hasSuffix("ImportError") == true || absent?.typeName.hasSuffix("NotFoundError") == true)
      let result = await #expect(throws: CallError.self) { try await child.call(python: "os.no_such_function") }
      #expect(result?.typeName == "builtins.AttributeError")
      // Another type than was asked for, and what is no data.
      await #expect(throws: (any Error).self) { let _: Int = try await child.call(python: "os.getcwd") }
      await #expect(throws: StreamError.self) { let _: Int = try await child.call(python: "builtins.set") }
      let name: String = try await child.call(python: "os.path.basename", "a/b")
      #expect(name == "b")
    }
  }

  @Test(.enabled(if: !Python.others.isEmpty, "there is no Python of another version"), arguments: Python.others)
  func `of other versions, a context and all kinds of values come back as they were`(path: String) async throws {
    let box = try Python.sandbox(["mirror.py": "def echo(value):\n    return value\n"])
    try await withRouter(configuration: try Python.configuration(searchPath: [box.path])) { router in
      let child = try await router.local(python: PythonProgram(path))
      let context = try await child.call(python: "mirror.echo", child) as Context
      #expect(context == child && context.name == child.name)
      // A dictionary of Python 2 has no order.
      let value: PickledValue = [
        "\u{e9}\u{1f468}", 1_099_511_627_776, .bytes([0, 0xff]), 1.5, true, .none, ["key": [:]],
      ]
      #expect(try await child.call(python: "mirror.echo", value) as PickledValue == value)
    }
  }

  @Test func `modules are there before they are asked for, also behind a Swift context`() async throws {
    let files = [
      "early/__init__.py": "", "early/bird.py": "import early.worm\n", "early/worm.py": "caught = True\n",
      "look.py":
        "import sys\ndef cached(name):\n    return any(name in getattr(one, '_cache', ()) for one in sys.meta_path)\n",
    ]
    try await Python.withChild(files) { router, child in
      let between = try await router.local()
      let below = try await router.local(python: try Python.program(), via: between)
      for context in [child, below] {
        let isThere: Bool = try await context.call(python: "look.cached", "early.bird")
        #expect(!isThere)
        await router.forwardPythonModules(["early.bird", "no such name"], to: context)
        for name in ["early", "early.bird"] {
          while try await !(context.call(python: "look.cached", name) as Bool) {}
        }
      }
    }
  }

  @Test func `chains and calls without an answer`() async throws {
    let source = """
      seen = []
      def note(value):
          seen.append(value)
          return len(seen)
      def all():
          return seen
      def fail():
          raise ValueError('no')
      """
    try await Python.withChild(["notes.py": source]) { router, child in
      let chain = CallChain(child)
      for number in 0..<100 { try chain.callNoReply(python: "notes.note", number) }
      #expect(try await chain.call(python: "notes.all") == Array(0..<100))
      let last: Receiver<Int> = chain.callAsync(python: "notes.note", 100)
      #expect(try await last.get() == 101)
      try chain.callNoReply(python: "notes.fail")
      let poisoned = await #expect(throws: CallError.self) {
        let _: Int = try await chain.call(python: "notes.note", 0)
      }
      #expect(poisoned?.typeName == "builtins.ValueError")
      try chain.reset()
      #expect(try await chain.call(python: "notes.note", 101) == 102)
    }
  }

  @Test func `it imports packages from beside the master, and reads their files`() async throws {
    let files = [
      "shop/__init__.py": "from . import shelf\n",
      "shop/shelf.py": "from shop.parts import screw as best\nfrom .parts.nail import length\n",
      "shop/parts/__init__.py": "",
      "shop/parts/screw.py": "# \u{e4}\nsize = 'M\u{e4}'\n",
      "shop/parts/nail.py": "import json, os.path\nlength = 7\n",
      "shop/parts/list.txt": "screws\nnails\n",
      "stock.py": """
      import importlib.resources, shop
      def size():
          return [shop.shelf.best.size, shop.shelf.length, shop.__file__, shop.__name__]
      def text(name):
          with importlib.resources.open_text('shop.parts', name) as file:
              return file.read()
      """,
    ]
    try await Python.withChild(files) { router, child in
      let size: [PickledValue] = try await child.call(python: "stock.size")
      #expect(size[0] == "M\u{e4}")
      #expect(size[1] == 7)
      guard case .string(let path) = size[2] else { throw StreamError("no path") }
      #expect(path.hasPrefix("master:") && path.hasSuffix("/shop/__init__.py"))
      #expect(try await child.call(python: "stock.text", "list.txt") == "screws\nnails\n")
      let absent = await #expect(throws: CallError.self) { try await child.call(python: "stock.text", "no.txt") }
      #expect(absent?.typeName == "builtins.FileNotFoundError")
    }
  }

  @Test func `only what is allowed is served, and __main__ up to its guard`() async throws {
    let files = [
      "secret.py": "key = 1\n", "plain.py": "value = 2\n",
      "script.py": "def answer():\n    return 42\n\nif __name__ == \"__main__\":\n    raise SystemExit(1)\n",
    ]
    let box = try Python.sandbox(files)
    var configuration = try Python.configuration(searchPath: [box.path])
    configuration.python?.blocked = ["secret"]
    configuration.python?.mainModule = box("script.py")
    try await withRouter(configuration: configuration) { router in
      let child = try await router.local(python: try Python.program())
      let value: Int = try await child.call(python: "builtins.eval", "__import__('plain').value")
      #expect(value == 2)
      await #expect(throws: CallError.self) { try await child.call(python: "secret.f") }
      #expect(try await child.call(python: "__main__.answer") == 42)
      let blocks: [String] = try await child.call(
        python: "builtins.eval", "sorted(__import__('sys').meta_path[0].policy.blocks)")
      #expect(blocks == ["secret"])
    }
    configuration.python?.allowed = ["plain"]
    configuration.python?.mainModule = nil
    try await withRouter(configuration: configuration) { router in
      let child = try await router.local(python: try Python.program())
      let value: Int = try await child.call(python: "builtins.eval", "__import__('plain').value")
      #expect(value == 2)
      await #expect(throws: CallError.self) { try await child.call(python: "script.answer") }
      await #expect(throws: CallError.self) { try await child.call(python: "__main__.answer") }
    }
  }

  @Test func `Python below Python, below Swift, and Swift in between`() async throws {
    let files = [
      "gardener.py": """
      import os, mitogen.core, mitogen.parent
      contexts = []
      @mitogen.core.takes_econtext
      def plant(path, econtext):
          router = econtext.router
          mitogen.parent.upgrade_router(econtext)
          context = router.local(python_path=path)
          contexts.append(context)
          return [context, context.call(os.getpid), context.call(height)]
      def height():
          import mitogen
          return len(mitogen.parent_ids)
      """
    ]
    try await Python.withChild(files) { router, child in
      let path = try #require(Python.path)
      let planted: Planted = try await child.call(python: "gardener.plant", path)
      #expect(planted.height == 2)
      // The Swift master reaches it too, through the Python one.
      let processID: Int = try await planted.context.call(python: "os.getpid")
      #expect(processID == planted.processID)
      #expect(try await planted.context.call(python: "gardener.height") == 2)
      let deeper: Planted = try await planted.context.call(python: "gardener.plant", path)
      #expect(deeper.height == 3)
      // A Swift context in between asks its parent for modules.
      let middle = try await router.local()
      let below = try await router.local(python: try Python.program(), via: middle)
      let third = try await router.local(python: try Python.program(), via: try await router.local(via: middle))
      #expect(try await below.call(python: "gardener.height") == 2)
      #expect(try await third.call(python: "gardener.height") == 3)
      let last: Planted = try await third.call(python: "gardener.plant", path)
      #expect(last.height == 4)
      try await last.context.shutdown()
      try await child.shutdown()
      await #expect(throws: ChannelError.self) { try await deeper.context.call(python: "gardener.height") }
    }
  }

  @Test func `a Python context starts others for us, five deep and in any order`() async throws {
    try await Python.withChild { router, child in
      let python = try Python.program()
      let sudo = try StubProgram("sudo", ["STUB_PASSWORD": "secret"])
      let second = try await router.local(python: python, via: child)
      let third = try await router.sudo(password: "secret", sudoPath: sudo.path, python: python, via: second)
      #expect(third.name?.hasSuffix(".sudo.root") == true)
      let swift = try await router.local(via: try await router.local())
      let below = try await router.local(python: python, via: swift)
      var last = try await router.local(python: python, via: below)
      last = try await router.local(python: python, via: last)
      for (context, depth) in [(second, 2), (third, 3), (last, 5)] {
        let found: Int = try await context.call(python: "builtins.eval", "len(__import__('mitogen').parent_ids)")
        #expect(found == depth)
      }
      // What goes wrong says so.
      let refused = await #expect(throws: StreamError.self) {
        try await router.sudo(password: "wrong", sudoPath: sudo.path, python: python, via: second)
      }
      #expect("\(refused as Any)".contains("password is incorrect"))
      await #expect(throws: ConnectionError.self) {
        try await router.ssh(hostname: "host", identityPassphrase: "x", python: python, via: second)
      }
      try await second.shutdown()
      await #expect(throws: ChannelError.self) { try await third.call(python: "os.getpid") }
    }
  }

  @Test func `senders and contexts are arguments`() async throws {
    let files = [
      "mail.py": """
      def post(sender, values):
          for value in values:
              sender.send(value)
          sender.close()
      def ask(context):
          return context.context_id
      """
    ]
    try await Python.withChild(files) { router, child in
      let heard = Receiver<String>(router: router)
      try await child.call(python: "mail.post", heard.sender, ["a", "\u{1F600}", ""])
      #expect(try await heard.get() == "a")
      #expect(try await heard.get() == "\u{1F600}")
      #expect(try await heard.get() == "")
      await #expect(throws: ChannelError.self) { try await heard.get() }
      let swift = try await router.local()
      #expect(try await child.call(python: "mail.ask", swift) == Int(swift.id.rawValue))
    }
  }
}

/// What `gardener.plant` returns.
struct Planted: Decodable, Sendable {
  var context: Context
  var processID: Int
  var height: Int

  init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    context = try list.decode(Context.self)
    processID = try list.decode(Int.self)
    height = try list.decode(Int.self)
  }
}
