internal import AsyncMitogen
internal import Glibc

/// What `facts` prints, from what it has gathered.
struct FactsReport {
  let tree: ContextTree
  let answers: ContextTree.Answers<Facts>
  let timeline: Timeline

  /// Whether all contexts have answered.
  var isComplete: Bool { tree.failures.isEmpty && tree.members.allSatisfy { facts(of: $0) != nil } }

  private func facts(of node: ContextTree.Node) -> Facts? { try? answers[node.context.id]?.get() }

  private func failure(of node: ContextTree.Node) -> String? { tree.reason(of: node, in: answers) }
}

// MARK: - Text

extension FactsReport {
  /// All of it for a person.
  func text(on stream: StandardStream) -> String {
    let parts = [contextLines(on: stream)] + hosts.map { topLines(of: $0, on: stream) } + [treeLines, [timeLine]]
    return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  private func contextLines(on stream: StandardStream) -> [String] {
    var table = Table([
      .init(title: "NAME"), .init(title: "ID", alignment: .right), .init(title: "DEPTH", alignment: .right),
      .init(title: "PID", alignment: .right), .init(title: "USER", narrowest: 8),
      .init(title: "HOST", narrowest: 8), .init(title: "KERNEL", narrowest: 6),
      .init(title: "UPTIME", alignment: .right), .init(title: "LOAD", alignment: .right),
      .init(title: "MEMORY", alignment: .right),
    ])
    for node in tree.members {
      let place = [node.name, "\(node.context.id)", "\(node.depth)"]
      guard let facts = facts(of: node) else {
        table.add(place + Array(repeating: "-", count: 7))
        continue
      }
      table.add(
        place + [
          "\(facts.processID)", facts.user, facts.hostName, facts.kernel, HumanText.uptime(facts.uptime),
          facts.loads.first.map { HumanText.decimal($0, places: 2) } ?? "-",
          HumanText.memory(used: facts.memoryUsed, total: facts.memoryTotal),
        ])
    }
    for failure in tree.failures { table.add([failure.name] + Array(repeating: "-", count: 9)) }
    let failures = tree.members.compactMap { node in failure(of: node).map { "\(node.name): \($0)" } }
    return titled(table.lines(fitting: stream.columns), on: stream) + failures + tree.failureLines
  }

  /// The hosts, in the order of the contexts, each with the facts from the first context on it.
  private var hosts: [Facts] {
    var seen: Set<Facts.Host> = []
    return tree.members.compactMap { facts(of: $0) }.filter { seen.insert($0.host).inserted }
  }

  private func topLines(of facts: Facts, on stream: StandardStream) -> [String] {
    var table = Table([
      .init(title: "PID", alignment: .right), .init(title: "CPU", alignment: .right),
      .init(title: "CPU TIME", alignment: .right), .init(title: "PROCESS"),
    ])
    for use in facts.topProcesses {
      table.add([
        "\(use.processID)", HumanText.decimal(use.percent, places: 1) + "%",
        HumanText.duration(.milliseconds(Int(use.seconds * 1000))), use.name,
      ])
    }
    let title = "Most CPU on \(facts.hostName): in \(FactsCommand.sampleMilliseconds) ms, and since each was started"
    return [title.truncated(to: stream.columns ?? .max)] + titled(table.lines(fitting: stream.columns), on: stream)
  }

  private var treeLines: [String] {
    tree.drawing { node in
      guard let node else { return "  pid \(getpid())" }
      return facts(of: node).map { "  pid \($0.processID)" } ?? ""
    }
  }

  private var timeLine: String { "\(tree.nodes.count) contexts: \(timeline.line)" }

  private func titled(_ lines: [String], on stream: StandardStream) -> [String] {
    lines.prefix(1).map { $0.styled(.bold, on: stream) } + lines.dropFirst()
  }
}

// MARK: - JSON

extension FactsReport {
  /// All of it for a program.
  var json: JSONValue {
    [
      "contexts": .array(
        tree.members.map { node in
          let rest = facts(of: node)?.json ?? [.init(name: "error", value: .string(failure(of: node) ?? ""))]
          return .object(node.json + rest)
        } + tree.failures.map { .object($0.json) }),
      "stages": timeline.json,
    ]
  }
}

extension Facts {
  /// All of it, as the members of a JSON object.
  var json: [JSONValue.Member] {
    [
      .init(name: "host", value: .string(hostName)),
      .init(name: "bootID", value: .string(bootID)),
      .init(name: "kernel", value: .string(kernel)),
      .init(name: "user", value: .string(user)),
      .init(name: "processID", value: .integer(processID)),
      .init(name: "parentProcessID", value: .integer(parentProcessID)),
      .init(name: "uptime", value: .number(uptime)),
      .init(name: "load", value: .array(loads.map(JSONValue.number))),
      .init(name: "memoryUsed", value: .integer(memoryUsed)),
      .init(name: "memoryTotal", value: .integer(memoryTotal)),
      .init(name: "topProcesses", value: .array(topProcesses.map(\.json))),
    ]
  }
}

extension ProcessUse {
  fileprivate var json: JSONValue {
    // One decimal is all that ticks of 10 ms allow.
    let percent = (percent * 10).rounded() / 10
    return [
      "processID": .integer(processID), "name": .string(name), "percent": .number(percent), "seconds": .number(seconds),
    ]
  }
}
