import AsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogenDemo

@Suite(.timeLimit(.minutes(1))) struct TargetTreeTests {
  private static func specs(_ texts: String...) throws -> [TargetSpec] {
    try texts.map { try TargetSpec(parsing: $0) }
  }

  private static func connect(_ specs: [TargetSpec], on router: Router, parallel: Int = 2) async throws -> ContextTree {
    var options = TargetOptions()
    options.parallel = parallel
    return try await ProgressLine.showing { progress in
      try await ContextTree.connect(specs, options, on: router, progress: progress)
    }
  }

  @Test(arguments: [0, 1, 2, 16]) func `targets share the hops that they have in common`(_ parallel: Int) async throws {
    try await withRouter { router in
      let specs = try Self.specs("local/local?name=a", "local/local?name=b/local", "local?name=c", "local/local?name=a")
      let tree = try await Self.connect(
        Array(Set(specs)).sorted { $0.label < $1.label }, on: router, parallel: parallel)
      #expect(tree.failures.isEmpty)
      // The first hop is shared, and no target.
      #expect(tree.nodes.count == 5 && tree.members.count == 3)
      #expect(tree.children(of: nil).count == 2)
      let shared = try #require(tree.children(of: nil).first { $0.target == nil })
      #expect(Set(tree.children(of: shared).map(\.branch)) == ["local"] && tree.children(of: shared).count == 2)
      for node in tree.nodes {
        let parent = try await node.context.call { Mitogen.parentIDs.first }
        #expect(parent == node.parent)
      }
    }
  }

  @Test func `one that fails does not stop the others`() async throws {
    try await withRouter { router in
      let specs = try Self.specs(
        "local?path=/nonexistent/program", "local/local?path=/nonexistent/program/local:", "local/local")
      let tree = try await Self.connect(specs, on: router)
      #expect(tree.members.map(\.name) == ["local/local"])
      #expect(tree.failures.map(\.target) == Array(specs.prefix(2)))
      #expect(tree.failures[0].reason.contains("/nonexistent/program: Child start failed"))
      #expect(tree.failures[1].reason.hasPrefix("hop 2 'local?path=/nonexistent/program': "))
    }
  }

  @Test func `what takes longer than it may is given up`() async throws {
    try await withRouter { router in
      var options = TargetOptions()
      options.timeout = .milliseconds(50)
      // It reads what it is given, and says nothing.
      let specs = try Self.specs("local?path=/bin/cat")
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.connect(specs, options, on: router, progress: progress)
      }
      #expect(tree.nodes.isEmpty && tree.failures.count == 1)
    }
  }

  @Test func `inventories and targets on the command line come together, each once`() throws {
    var name = Array("/tmp/inventory-XXXXXX".utf8CString)
    let descriptor = unsafe mkstemp(&name)
    try #require(descriptor >= 0)
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
      close(descriptor)
      unsafe unlink(path)
    }
    let text = "local\n# and\nssh:k3:22\n"
    try #require(unsafe write(descriptor, text, text.utf8.count) == text.utf8.count)
    var options = TargetOptions()
    options.sources = try [.spec(TargetSpec(parsing: "ssh:k3?port=22")), .inventory(path), .inventory(path)]
    #expect(try options.load().map(\.description) == ["ssh:k3?port=22", "local"])
    options.sources = [.inventory("/dev/null")]
    #expect(throws: UsageError("there are no targets: the inventory is empty")) { try options.load() }
    options.sources = [.inventory("/nonexistent/file")]
    #expect(throws: UsageError("--inventory: cannot open '/nonexistent/file': No such file or directory")) {
      try options.load()
    }
    options.sources = []
    #expect(try options.load().isEmpty)
  }

  @Test func `a password is for the hops that lack one`() throws {
    let spec = try TargetSpec(parsing: "ssh:k3/sudo?password=own/docker:web/su")
    let hops = spec.addingPassword("hunter2").hops
    #expect(spec.lacksPassword && hops.map { $0.options["password"] } == [["hunter2"], ["own"], nil, ["hunter2"]])
    #expect(try !TargetSpec(parsing: "local/docker:web").lacksPassword)
  }
}
