internal import AsyncMitogen
internal import Glibc

/// `tree`: starts contexts, and prints who started whom.
struct TreeCommand {
  let options: TreeOptions
  let targets: [TargetSpec]

  func run() async throws -> Int32 {
    var timeline = Timeline()
    let (tree, answers) = try await ProgressLine.showing { progress in
      try await JoinedTree.with(options.targets) { router in
        let tree = try await ContextTree.start(
          options, targets: targets, on: router, timeline: &timeline, progress: progress)
        let calls = tree.nodes.map { node in node.context.callAsync { Int(getpid()) } }
        return (tree, try await tree.answers(of: calls, stage: "ask", progress: progress))
      }
    }
    let processIDs = answers.compactMapValues { try? $0.get() }
    if options.json {
      try StandardStream.output.write(json(of: nil, in: tree, processIDs).document)
    } else {
      try StandardStream.output.write(
        lines: tree.drawing { node in "  pid \(processID(of: node, processIDs).map { "\($0)" } ?? "unknown")" })
      try StandardStream.error.write(lines: tree.failureLines)
    }
    return processIDs.count == tree.nodes.count && tree.failures.isEmpty ? ExitCode.success : ExitCode.failure
  }

  /// The number of a context's process; the master's is this one.
  private func processID(of node: ContextTree.Node?, _ processIDs: [ContextID: Int]) -> Int? {
    guard let node else { return Int(getpid()) }
    return processIDs[node.context.id]
  }

  private func json(of node: ContextTree.Node?, in tree: ContextTree, _ processIDs: [ContextID: Int]) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init(name: "context", value: .integer(Int((node?.context.id ?? .master).rawValue))),
      .init(name: "name", value: .string(node.map { $0.context.name ?? $0.name } ?? "master")),
    ]
    members += node?.targetJSON ?? []
    members += [
      .init(name: "processID", value: processID(of: node, processIDs).map(JSONValue.integer) ?? .null),
      .init(name: "children", value: .array(tree.children(of: node).map { json(of: $0, in: tree, processIDs) })),
    ]
    if node == nil, !tree.failures.isEmpty {
      members.append(.init(name: "failures", value: .array(tree.failures.map { .object($0.json) })))
    }
    return .object(members)
  }
}
