import Testing

@testable import AsyncMitogen

/// Resources of a real tree.
@Suite(.timeLimit(.minutes(1)))
struct ResourcesTests {
  @Test func `a child and a grandchild have what the master has, and who is on the way keeps it`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let path = try box.file("a", [4, 5])
      try router.resources.register([1, 2, 3], as: "bytes", in: "p")
      try router.resources.register(file: path, as: "file")
      let near = try await router.local()
      let far = try await router.local(via: near)
      for context in [near, far] {
        #expect(try await context.call(FetchResource(name: "bytes", package: "p")) == [1, 2, 3])
        #expect(try await context.call(FetchResource(name: "bytes", package: "q")) == nil)
      }
      #expect(try await far.call(FetchResource(name: "file", package: "")) == [4, 5])
      // It has been read; the two below have it, and the master looks at the file again.
      try box.file("a", [6])
      #expect(try await near.call(FetchResource(name: "file", package: "")) == [4, 5])
      #expect(try await router.resources.get("file") == [6])
      #expect(try await router.resources.contains("file"))
      #expect(try await router.resources.contains("other") == false)
    }
  }

  @Test func `the files of a directory, the empty one too, and nothing outside of it`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      try box.directory("d/sub")
      try box.file("d/text.txt", [1])
      try box.file("d/sub/empty", [])
      try box.file("secret", [9])
      try box.link("d/out", to: "../secret")
      try box.link("d/in", to: "text.txt")
      try router.resources.register(directory: box("d"), as: "p")
      let child = try await router.local()
      let names = ["text.txt", "sub/empty", "in", "out", "../secret", "sub", "", "nothing", "sub/../text.txt"]
      var found: [[UInt8]?] = []
      for name in names where !name.isEmpty {
        found.append(try await child.call(FetchResource(name: name, package: "p")))
      }
      #expect(found == [[1], [], [1], nil, nil, nil, nil, [1]])
    }
  }

  @Test func `many at once in many contexts`() async throws {
    try await withRouter { router in
      let contents = (0..<20).map { Sandbox.content(10_000, seed: UInt64($0)) }
      for (index, content) in contents.enumerated() { try router.resources.register(content, as: "\(index)") }
      let parent = try await router.local()
      let contexts = [parent, try await router.local(via: parent), try await router.local(via: parent)]
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for context in contexts {
          for index in 0..<20 {
            for _ in 0..<3 {
              group.addTask { try await context.call(FetchResource(name: "\(index)", package: "")) == contents[index] }
            }
          }
        }
        for try await isRight in group { #expect(isRight) }
      }
    }
  }

  @Test func `what is larger than a message may be is not there`() async throws {
    try await withRouter(configuration: .init(maxMessageSize: 100_000)) { router in
      let box = try Sandbox()
      try router.resources.register(Sandbox.content(200_000), as: "bytes")
      try router.resources.register(file: try box.file("large", Sandbox.content(200_000)), as: "file")
      let child = try await router.local()
      for name in ["bytes", "file"] { #expect(try await child.call(FetchResource(name: name, package: "")) == nil) }
    }
  }

  @Test func `names that cannot be, and contexts that are no root`() async throws {
    try await withRouter { router in
      for name in ["", String(repeating: "a", count: 1_025)] {
        #expect(throws: ResourceError(.impossibleName, name: name)) { try router.resources.register([], as: name) }
        await #expect(throws: ResourceError.self) { try await router.resources.get(name) }
      }
      let missing = await #expect(throws: ResourceError.self) { try await router.resources.get("a", in: "b") }
      #expect(missing?.description == "there is no resource b/a")
      let child = try await router.local()
      let refused = try await child.call { () -> String in
        guard let router = ExternalContext.current?.router else { return "" }
        do {
          try router.resources.register([], as: "a")
          return ""
        } catch { return "\(error)" }
      }
      #expect(refused == "a: only the root of a tree has resources to give")
    }
  }

  @Test func `who waits is let go by cancelling, by a timeout, and by the end`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let outcome = try await child.call { () -> [String] in
        guard let router = ExternalContext.current?.router else { return [] }
        // A parent that says nothing.
        let store = ResourceStore(router.configuration)
        let name = ResourceName(package: "", name: "a")
        func text(_ body: () async throws -> [UInt8]?) async -> String {
          do { return "\(String(describing: try await body()))" } catch { return "\(error)" }
        }
        let silent = Router(
          loop: router.loop, broker: nil, contextID: 77, parentIDs: [router.contextID], configuration: .init())
        let late = await text { try await store.get(name, timeout: .milliseconds(20), silent) }
        let cancelled = Task { await text { try await store.get(name, timeout: nil, silent) } }
        cancelled.cancel()
        let ended = Task { await text { try await store.get(name, timeout: nil, silent) } }
        store.end()
        return [late, await cancelled.value, await ended.value]
      }
      #expect(outcome.count == 3)
      #expect(outcome.first?.contains("waiting for the resource a") == true)
      #expect(outcome.dropFirst().first == "CancellationError()")
      #expect(outcome.last?.isEmpty == false && outcome.last != "nil")
    }
  }
}

struct FetchResource: RemoteFunction {
  var name: String
  var package: String

  func callAsFunction() async throws -> [UInt8]? {
    guard let router = ExternalContext.current?.router else { return nil }
    do {
      return try await router.resources.get(name, in: package)
    } catch let error as ResourceError where error.reason == .notFound { return nil }
  }
}
