import Testing

@testable import AsyncMitogen

/// Libraries that the test compiles, loaded into children.
@Suite(
  .timeLimit(.minutes(1)), .enabled(if: ShellCommand.finds("clang"), "needs clang"),
  .enabled(if: SharedLibrary.isSupported, "needs a loader"))
struct SharedLibraryTests {
  private func library(_ box: Sandbox, _ source: String) throws -> String {
    try box.file("library.c", Array(source.utf8))
    let command = try ShellCommand(
      "cd \(ShellCommand.quoted(box.path)) && clang -shared -fPIC -Wl,--build-id=0x0123abcd -o library.so library.c")
    try #require(command.status == 0, "\(command.output)")
    return box("library.so")
  }

  @Test func `a function that was compiled after the program runs in a grandchild`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let path = try library(box, "int twice(int number) { return 2 * number; }")
      try router.resources.register(file: path, as: "twice.so")
      let child = try await router.local()
      let far = try await router.local(via: child)
      #expect(try await far.call(CallTwice(number: 21)) == nil)
      try await far.load(library: "twice.so")
      try await far.load(library: "twice.so")
      #expect(try await far.call(CallTwice(number: 21)) == 42)
    }
  }

  @Test func `what cannot be loaded says why`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      _ = try library(box, "int one(void) { return 1; }")
      let good = try #require(box.read("library.so"))
      var elsewhere = good
      elsewhere[18] = elsewhere[18] == 62 ? 183 : 62
      try router.resources.register(Array("text".utf8), as: "text")
      try router.resources.register(elsewhere, as: "elsewhere")
      try router.resources.register(Array(good.prefix(good.count / 2)), as: "half")
      let open = try library(box, "int absent(void); int one(void) { return absent(); }")
      try router.resources.register(file: open, as: "open")
      let child = try await router.local()
      for (name, text) in [
        ("text", "it is no shared library"), ("elsewhere", "it is for"), ("open", "undefined symbol: absent"),
        ("half", "its end is missing"), ("missing", "there is no resource missing"),
      ] {
        let error = await #expect(throws: CallError.self) { try await child.load(library: name) }
        #expect(
          error?.thrown(as: ResourceError.self)?.description.contains(text) == true,
          "\(name): \(String(describing: error))")
      }
    }
  }

  @Test func `one of another build is refused, unless it fits every one`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      try router.resources.register(file: try library(box, "int one(void) { return 1; }"), as: "one.so")
      // A root that runs something else says so.
      try router.resources.register(Array("another".utf8), as: "build", in: "async_mitogen")
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) { try await child.load(library: "one.so") }
      #expect(error?.thrown(as: ResourceError.self)?.description.contains("another build") == true)
      try await child.load(library: "one.so", anyBuild: true)
    }
  }

  @Test func `what is known of a library, and where its symbols are`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let path = try library(box, "int number = 7;")
      try router.resources.register(file: path, as: "number.so", in: "p")
      let library = try await SharedLibrary.load("number.so", in: "p", from: router)
      #expect(library.name == "number.so" && library.buildIdentifier == "0123abcd")
      let number = unsafe library.address(of: "number").map { unsafe $0.load(as: Int32.self) }
      #expect(number == 7)
      let isThere = unsafe library.address(of: "letter") != nil
      #expect(!isThere)
    }
  }
}

/// Calls a function of a library that is loaded where it runs.
struct CallTwice: RemoteFunction {
  var number: Int32

  func callAsFunction() async throws -> Int32? {
    let library = SharedLibrary.loaded.first { $0.name == "twice.so" }
    guard let address = unsafe library?.address(of: "twice") else { return nil }
    let function = unsafe unsafeBitCast(address, to: (@convention(c) (Int32) -> Int32).self)
    return function(number)
  }
}
