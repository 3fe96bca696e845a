import AsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogenDemo

@Suite(.timeLimit(.minutes(1))) struct JoinedTreeTests {
  @Test func `what was left behind is joined, also for targets, and ended`() async throws {
    let (path, process) = try await DetachedContext.start()
    defer { if Facts.isAlive(process) { kill(process, SIGKILL) } }
    var options = TreeOptions()
    options.targets.joined = path
    for texts in [[], ["local", "local/local"]] {
      let specs = try texts.map { try TargetSpec(parsing: $0) }
      try await JoinedTree.with(options.targets) { router in
        var timeline = Timeline()
        let tree = try await ProgressLine.showing { progress in
          try await ContextTree.start(options, targets: specs, on: router, timeline: &timeline, progress: progress)
        }
        #expect(tree.failures.isEmpty && tree.members.count == max(1, texts.count))
        for node in tree.nodes {
          let parent = try await node.context.call { getppid() }
          if texts.isEmpty {
            #expect(try await node.context.call { getpid() } == process)
          } else if node.depth == 1 {
            #expect(parent == process)
          }
        }
      }
    }
    try await DetachedContext.end(at: path)
    #expect(Facts.waitForEnd(of: [process], limit: .seconds(10)) != nil)
  }

  @Test func `a master that listens is of no use`() async throws {
    try await withRouter { router in
      let listener = try UnixListener(router: router)
      var options = TargetOptions()
      options.joined = listener.path
      let targets = options
      let error = await #expect(throws: UsageError.self) { try await JoinedTree.with(targets) { _ in } }
      #expect(error?.message.contains("nobody calls functions in it") == true)
    }
  }

  @Test func `the benchmark's context is gone afterwards, also if the body throws`() async throws {
    let process = try await DetachedContext.with { context in try await context.call { getpid() } }
    #expect(Facts.waitForEnd(of: [process], limit: .seconds(10)) != nil)
    await #expect(throws: UsageError.self) { try await DetachedContext.with { _ in throw UsageError("no") } }
  }
}
