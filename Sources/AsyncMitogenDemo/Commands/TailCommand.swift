internal import AsyncMitogen
internal import Glibc

/// `tail`: prints what is written to a file in all targets, as it is written.
struct TailCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let tail: TailOptions

  /// Runs until the task is cancelled, or no target is left.
  func run() async throws -> Int32 {
    var timeline = Timeline()
    try await JoinedTree.with(options.targets) { router in
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.start(options, targets: targets, on: router, timeline: &timeline, progress: progress)
      }
      let printer = OutputPrinter(tree: tree, asJSON: options.json)
      try printer.printFailures()
      try await follow(in: tree, router: router, printer: printer)
    }
    return ExitCode.failure
  }

  /// What of the work has ended.
  private enum End: Equatable {
    case target
    case printing
  }

  private func follow(in tree: ContextTree, router: Router, printer: OutputPrinter) async throws {
    guard !tree.members.isEmpty else { return }
    let output = Receiver<TailedLines>(router: router)
    let sender = output.sender
    try await withThrowingTaskGroup(of: End.self) { group in
      group.addTask {
        for try await tailed in output {
          try printer.print(tailed.lines, of: tailed.context)
          if let notice = tailed.notice { try printer.printNotice("'\(tail.file)' \(notice)", of: tailed.context) }
        }
        return .printing
      }
      group.addTask {
        // Nothing may be written for a long time, in which nobody would find out.
        try await StandardStream.output.waitForLoss()
        throw OutputError(code: EPIPE)
      }
      for node in tree.members {
        group.addTask {
          try await follow(node, in: tree, sender: sender, printer: printer)
          return .target
        }
      }
      var left = tree.members.count
      while left > 0, let end = try await group.next() {
        if end == .target { left -= 1 }
      }
      // What the last has sent came before its end, which was told behind it: all of it has been received.
      output.close()
      while let end = try await group.next(), end != .printing {}
      group.cancelAll()
    }
  }

  private func follow(
    _ node: ContextTree.Node, in tree: ContextTree, sender: Sender<TailedLines>, printer: OutputPrinter
  ) async throws {
    let file = FollowedFile(path: tail.file, lines: tail.lines, context: node.context.id)
    do {
      try await node.context.call(file, sender) { file, sender in try await file.follow(sendingTo: sender) }
    } catch {
      try Task.checkCancellation()
      // One that is lost does not end the others.
      let answers: ContextTree.Answers<Never> = [node.context.id: .failure(error)]
      try printer.printError(tree.reason(of: node, in: answers) ?? "", of: node.context.id)
    }
  }
}
