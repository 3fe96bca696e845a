internal import AsyncMitogen

/// Prints what commands in many contexts say, each line with the name of its context, or as JSON.
struct OutputPrinter: Sendable {
  private let tree: ContextTree
  private let asJSON: Bool
  private let prefixes: [ContextID: String]

  init(tree: ContextTree, asJSON: Bool) {
    self.tree = tree
    self.asJSON = asJSON
    let width = tree.members.map(\.name.displayWidth).max() ?? 0
    let pairs = tree.members.enumerated().map { index, node in
      (node.context.id, node.name.padded(to: width).styled(.colour(index), on: .output) + " | ")
    }
    prefixes = Dictionary(pairs) { first, _ in first }
  }

  /// Prints lines of one context, together.
  func print(_ lines: [String], of context: ContextID) throws {
    guard !lines.isEmpty else { return }
    if asJSON, let node = tree[context] {
      try StandardStream.output.write(lines: lines.map { json(of: node, [.init(name: "line", value: .string($0))]) })
    } else {
      let prefix = prefixes[context] ?? ""
      try StandardStream.output.write(lines: lines.map { prefix + $0 })
    }
  }

  /// Prints something that is no output of a context, but is about it.
  func printNotice(_ text: String, of context: ContextID) throws { try printAside("notice", text, of: context) }

  /// Prints why there will be no more of a context.
  func printError(_ text: String, of context: ContextID) throws { try printAside("error", text, of: context) }

  private func printAside(_ kind: String, _ text: String, of context: ContextID) throws {
    guard let node = tree[context] else { return }
    if asJSON {
      try StandardStream.output.write(lines: [json(of: node, [.init(name: kind, value: .string(text))])])
    } else {
      try StandardStream.error.write(lines: ["\(node.name): \(text)".styled(.bold, on: .error)])
    }
  }

  /// Prints which targets could not be connected.
  func printFailures() throws {
    if asJSON {
      try StandardStream.output.write(lines: tree.failures.map { JSONValue.object($0.json).line })
    } else {
      try StandardStream.error.write(lines: tree.failureLines.map { $0.styled(.bold, on: .error) })
    }
  }

  /// Prints how the commands ended.
  func summarize(_ ends: [ContextID: CommandEnd]) throws {
    let known = tree.members.compactMap { node in ends[node.context.id].map { (node, $0) } }
    if asJSON {
      try StandardStream.output.write(lines: known.map { node, end in json(of: node, end.json) })
      try printFailures()
    } else {
      let width = (known.map(\.0.name) + tree.failures.map(\.name)).map(\.displayWidth).max() ?? 0
      try StandardStream.error.write(
        lines: known.map { node, end in
          let style = end.isSuccess ? Style.dim : .bold
          return "\(node.name.padded(to: width))   \(end.text)".styled(style, on: .error)
        })
      try StandardStream.error.write(
        lines: tree.failures.map { failure in
          "\(failure.name.padded(to: width))   \(failure.reason)".styled(.bold, on: .error)
        })
    }
  }

  private func json(of node: ContextTree.Node, _ members: [JSONValue.Member]) -> String {
    let place: [JSONValue.Member] = [
      .init(name: "context", value: .integer(Int(node.context.id.rawValue))),
      .init(name: "name", value: .string(node.context.name ?? node.name)),
    ]
    return JSONValue.object(place + node.targetJSON + members).line
  }
}
