internal import AsyncMitogen

/// What `copy` and `fetch` print at their end.
struct TransferReport: Sendable {
  /// What the transfers are called in JSON.
  let results: String
  let tree: ContextTree
  let answers: Answers
  let timeline: Timeline

  typealias Answers = ContextTree.Answers<Transfer>

  /// A file that has been transferred, and how long that took.
  struct Transfer: Sendable {
    let file: TransferResult
    let duration: Duration

    /// Measures how long a transfer takes.
    static func measuring(_ body: () async throws -> TransferResult) async -> Result<Transfer, any Error> {
      let start = ContinuousClock.now
      do {
        return .success(Transfer(file: try await body(), duration: start.duration(to: .now)))
      } catch {
        return .failure(error)
      }
    }
  }

  /// Connects targets, and transfers a file from or to them.
  static func of(
    _ stage: String, results: String, _ options: TreeOptions, _ targets: [TargetSpec],
    _ transfer: (ContextTree, Router) async throws -> Answers
  ) async throws -> TransferReport {
    var timeline = Timeline()
    let (tree, answers) = try await ProgressLine.showing { progress in
      try await JoinedTree.with(options.targets) { router in
        let tree = try await ContextTree.start(
          options, targets: targets, on: router, timeline: &timeline, progress: progress)
        progress.show("")
        let answers = try await transfer(tree, router)
        timeline.finish(stage)
        // Where the task is cancelled, it is no news that the transfers failed.
        try Task.checkCancellation()
        return (tree, answers)
      }
    }
    timeline.finish("shutdown")
    return TransferReport(results: results, tree: tree, answers: answers, timeline: timeline)
  }

  /// Prints it; returns the exit status.
  func print(asJSON: Bool) throws -> Int32 {
    try StandardStream.output.write(asJSON ? json.document : text(on: .output))
    return isComplete ? ExitCode.success : ExitCode.failure
  }

  /// Whether the file has been transferred from or to all targets.
  var isComplete: Bool { tree.failures.isEmpty && tree.members.allSatisfy { transfer(of: $0) != nil } }

  private func transfer(of node: ContextTree.Node) -> Transfer? { try? answers[node.context.id]?.get() }

  /// All of it for a person.
  func text(on stream: StandardStream) -> String {
    var table = Table([
      .init(title: "NAME"), .init(title: "SIZE", alignment: .right), .init(title: "TIME", alignment: .right),
      .init(title: "RATE", alignment: .right), .init(title: "PATH", narrowest: 8),
    ])
    for node in tree.members {
      guard let transfer = transfer(of: node) else {
        table.add([node.name, "-", "-", "-", "-"])
        continue
      }
      let seconds = max(transfer.duration / .seconds(1), 1e-6)
      table.add([
        node.name, HumanText.bytes(transfer.file.bytes), HumanText.duration(transfer.duration),
        HumanText.bytes(Int(Double(transfer.file.bytes) / seconds)) + "/s", transfer.file.path,
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
    let transfers = tree.members.map { node -> JSONValue in
      guard let transfer = transfer(of: node) else {
        return .object(
          node.json + [.init(name: "error", value: .string(tree.reason(of: node, in: answers) ?? ""))])
      }
      let members: [JSONValue.Member] = [
        .init(name: "path", value: .string(transfer.file.path)),
        .init(name: "bytes", value: .integer(transfer.file.bytes)),
        .init(name: "milliseconds", value: .number((transfer.duration / .microseconds(1)).rounded() / 1000)),
      ]
      return .object(node.json + members)
    }
    let all = JSONValue.array(transfers + tree.failures.map { .object($0.json) })
    return .object([.init(name: results, value: all), .init(name: "stages", value: timeline.json)])
  }
}
