internal import AsyncMitogen
internal import Glibc

/// `facts`: starts contexts, and prints what each of them knows of itself and its host.
struct FactsCommand {
  let options: TreeOptions
  let targets: [TargetSpec]

  /// The time between the two samples from which the use of CPU is computed.
  static let sampleMilliseconds = 150
  /// How many processes of a host are listed.
  static let topProcesses = 5

  func run() async throws -> Int32 {
    var timeline = Timeline()
    let (tree, answers) = try await ProgressLine.showing { progress in
      try await JoinedTree.with(options.targets) { router in
        let tree = try await ContextTree.start(
          options, targets: targets, on: router, timeline: &timeline, progress: progress)
        let answers = try await gather(tree, progress)
        timeline.finish("gather")
        return (tree, answers)
      }
    }
    timeline.finish("shutdown")
    let report = FactsReport(tree: tree, answers: answers, timeline: timeline)
    try StandardStream.output.write(options.json ? report.json.document : report.text(on: .output))
    return report.isComplete ? ExitCode.success : ExitCode.failure
  }

  private func gather(
    _ tree: ContextTree, _ progress: ProgressLine
  ) async throws -> ContextTree.Answers<Facts> {
    let isPython = { (node: ContextTree.Node) in
      options.python != nil || node.target?.hops.last?.isPython == true
    }
    // All are asked before the first answer is waited for.
    let pythons = tree.members.filter(isPython).map {
      PythonFacts.ask($0.context, sampleMilliseconds: FactsCommand.sampleMilliseconds)
    }
    let calls = tree.members.filter { !isPython($0) }.map { node in
      node.context.callAsync(FactsCommand.topProcesses, FactsCommand.sampleMilliseconds) { count, milliseconds in
        try await Facts.gather(topProcesses: count, sampleMilliseconds: milliseconds)
      }
    }
    var answers = try await tree.answers(of: calls, stage: "gather", progress: progress)
    guard !pythons.isEmpty else { return answers }
    for (id, answer) in try await tree.answers(of: pythons, stage: "gather", progress: progress) {
      answers[id] = Result { try PythonFacts.facts(in: answer.get(), topProcesses: FactsCommand.topProcesses) }
    }
    return answers
  }
}
