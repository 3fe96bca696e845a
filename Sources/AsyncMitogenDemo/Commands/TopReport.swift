internal import AsyncMitogen

/// One table of `top`.
struct TopReport {
  let tree: ContextTree
  let answers: ContextTree.Answers<Facts>

  /// Whether all targets have answered.
  var isComplete: Bool { tree.failures.isEmpty && tree.members.allSatisfy { facts(of: $0) != nil } }

  private func facts(of node: ContextTree.Node) -> Facts? { try? answers[node.context.id]?.get() }

  /// The table, and below it what went wrong, each on one line.
  func lines(on stream: StandardStream) -> [String] {
    var table = Table([
      .init(title: "NAME", narrowest: 8), .init(title: "HOST", narrowest: 6), .init(title: "UPTIME", alignment: .right),
      .init(title: "LOAD 1", alignment: .right), .init(title: "5", alignment: .right),
      .init(title: "15 MIN", alignment: .right), .init(title: "MEMORY", alignment: .right),
      .init(title: "BUSIEST", narrowest: 12),
    ])
    for node in tree.members {
      guard let facts = facts(of: node) else {
        table.add([node.name] + Array(repeating: "-", count: 7))
        continue
      }
      let loads = facts.loads.map { HumanText.decimal($0, places: 2) } + ["-", "-", "-"]
      table.add(
        [node.name, facts.hostName, HumanText.uptime(facts.uptime)] + loads.prefix(3) + [
          HumanText.memory(used: facts.memoryUsed, total: facts.memoryTotal), TopReport.busiest(of: facts),
        ])
    }
    for failure in tree.failures { table.add([failure.name] + Array(repeating: "-", count: 7)) }
    let lines = table.lines(fitting: stream.columns)
    return lines.prefix(1).map { $0.styled(.bold, on: stream) } + lines.dropFirst()
      + tree.failureLines(on: stream) { tree.reason(of: $0, in: answers) }
  }

  /// The processes that use most CPU, those left out that use none.
  private static func busiest(of facts: Facts) -> String {
    facts.topProcesses.filter { $0.percent >= 0.5 }
      .map { "\($0.name) \(HumanText.decimal($0.percent, places: 0))%" }.joined(separator: ", ")
  }

  /// All of it for a program.
  var json: JSONValue {
    let targets = tree.members.map { node -> JSONValue in
      let rest =
        facts(of: node)?.json ?? [.init(name: "error", value: .string(tree.reason(of: node, in: answers) ?? ""))]
      return .object(node.json + rest)
    }
    return ["targets": .array(targets + tree.failures.map { .object($0.json) })]
  }
}
