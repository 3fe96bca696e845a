internal import AsyncMitogen

/// What `copy` prints at its end.
struct CopyReport {
  let tree: ContextTree
  let answers: ContextTree.Answers<CopyCommand.Copied>
  let timeline: Timeline

  /// Whether all targets have the file.
  var isComplete: Bool { tree.failures.isEmpty && tree.members.allSatisfy { copied(to: $0) != nil } }

  private func copied(to node: ContextTree.Node) -> CopyCommand.Copied? { try? answers[node.context.id]?.get() }

  /// All of it for a person.
  func text(on stream: StandardStream) -> String {
    var table = Table([
      .init(title: "NAME"), .init(title: "SIZE", alignment: .right), .init(title: "TIME", alignment: .right),
      .init(title: "RATE", alignment: .right), .init(title: "PATH", narrowest: 8),
    ])
    for node in tree.members {
      guard let copied = copied(to: node) else {
        table.add([node.name, "-", "-", "-", "-"])
        continue
      }
      let seconds = max(copied.duration / .seconds(1), 1e-6)
      table.add([
        node.name, HumanText.bytes(copied.result.bytes), HumanText.duration(copied.duration),
        HumanText.bytes(Int(Double(copied.result.bytes) / seconds)) + "/s", copied.result.path,
      ])
    }
    for failure in tree.failures { table.add([failure.name, "-", "-", "-", "-"]) }
    let failures = tree.members.compactMap { node in tree.reason(of: node, in: answers).map { "\(node.name): \($0)" } }
    let lines = table.lines(fitting: stream.columns)
    let titled = lines.prefix(1).map { $0.styled(.bold, on: stream) } + lines.dropFirst()
    return (titled + failures + tree.failureLines + ["", timeline.line]).joined(separator: "\n") + "\n"
  }

  /// All of it for a program.
  var json: JSONValue {
    let copies = tree.members.map { node -> JSONValue in
      guard let copied = copied(to: node) else {
        return .object(
          node.json + [.init(name: "error", value: .string(tree.reason(of: node, in: answers) ?? ""))])
      }
      let members: [JSONValue.Member] = [
        .init(name: "path", value: .string(copied.result.path)),
        .init(name: "bytes", value: .integer(copied.result.bytes)),
        .init(name: "milliseconds", value: .number((copied.duration / .microseconds(1)).rounded() / 1000)),
      ]
      return .object(node.json + members)
    }
    return ["copies": .array(copies + tree.failures.map { .object($0.json) }), "stages": timeline.json]
  }
}
