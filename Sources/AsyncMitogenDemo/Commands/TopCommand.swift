internal import AsyncMitogen

/// `top`: prints how busy all targets are, again and again.
struct TopCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let top: TopOptions

  /// How many processes of a target are listed.
  static let topProcesses = 3
  /// How long the first table lets wait at most: a person wants to see something.
  private static let firstSample = Duration.milliseconds(500)
  /// How much later than it should a target may answer.
  private static let patience = Duration.seconds(3)

  func run() async throws -> Int32 {
    var timeline = Timeline()
    let isComplete = try await JoinedTree.with(options.targets) { router in
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.start(options, targets: targets, on: router, timeline: &timeline, progress: progress)
      }
      return try await show(tree)
    }
    return isComplete ? ExitCode.success : ExitCode.failure
  }

  /// Prints tables until there are enough, or no target is left; returns whether the last one told of all targets.
  private func show(_ tree: ContextTree) async throws -> Bool {
    var table = LiveTable(stream: .output)
    var report = TopReport(tree: tree, answers: [:])
    var shown = 0
    // A context that is gone does not come back, and only at first is it known why.
    var lost: ContextTree.Answers<Facts> = [:]
    var start = ContinuousClock.now
    while shown < top.count ?? .max {
      let sample = shown == 0 ? min(top.interval, TopCommand.firstSample) : top.interval
      let milliseconds = Int(sample / .milliseconds(1))
      let calls = tree.members.filter { lost[$0.context.id] == nil }.map { node in
        node.context.callAsync(TopCommand.topProcesses, milliseconds, timeout: sample + TopCommand.patience) {
          try await Facts.gather(topProcesses: $0, sampleMilliseconds: $1)
        }
      }
      let answers = try await tree.answers(of: calls)
      for case (let id, .failure(let error as ChannelError)) in answers { lost[id] = .failure(error) }
      report = TopReport(tree: tree, answers: answers.merging(lost) { answer, _ in answer })
      // Where nobody is left to answer, nobody takes the time for a sample either.
      try await Task.sleep(until: start + sample, clock: .continuous)
      start = .now
      if options.json {
        try StandardStream.output.write(lines: [report.json.line])
      } else {
        try table.show(report.lines(on: .output))
      }
      if lost.count == tree.members.count { break }
      shown += 1
    }
    return report.isComplete
  }
}
