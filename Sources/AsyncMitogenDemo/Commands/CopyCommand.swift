internal import AsyncMitogen

/// `copy`: copies a file to all targets.
struct CopyCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let copy: CopyOptions

  /// A copy, and how long it took.
  struct Copied: Sendable {
    let result: CopyResult
    let duration: Duration
  }

  func run() async throws -> Int32 {
    let file = try OutgoingFile(copy.file)
    var timeline = Timeline()
    let (tree, answers) = try await ProgressLine.showing { progress in
      try await JoinedTree.with(options.targets) { router in
        let tree = try await ContextTree.start(
          options, targets: targets, on: router, timeline: &timeline, progress: progress)
        let answers = await send(file, in: tree, router: router, progress: progress)
        timeline.finish("copy")
        // Where the task is cancelled, it is no news that the copies failed.
        try Task.checkCancellation()
        return (tree, answers)
      }
    }
    timeline.finish("shutdown")
    let report = CopyReport(tree: tree, answers: answers, timeline: timeline)
    try StandardStream.output.write(options.json ? report.json.document : report.text(on: .output))
    return report.isComplete ? ExitCode.success : ExitCode.failure
  }

  private func send(
    _ file: OutgoingFile, in tree: ContextTree, router: Router, progress: ProgressLine
  ) async -> ContextTree.Answers<Copied> {
    let progress = CopyProgress(
      line: progress, total: file.status.size * tree.members.count, targets: tree.members.count)
    return await withTaskGroup(of: (ContextID, Result<Copied, any Error>).self) { group in
      for node in tree.members {
        group.addTask {
          let start = ContinuousClock.now
          do {
            let result = try await file.send(to: node.context, as: copy.path, router: router) { count in
              await progress.sent(count)
            }
            await progress.finish()
            return (node.context.id, .success(Copied(result: result, duration: start.duration(to: .now))))
          } catch {
            await progress.finish()
            return (node.context.id, .failure(error))
          }
        }
      }
      var answers: ContextTree.Answers<Copied> = [:]
      for await (id, answer) in group { answers[id] = answer }
      return answers
    }
  }
}
