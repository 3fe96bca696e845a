internal import AsyncMitogen

/// `run`: runs a command in every context, and prints what they say as they say it.
struct RunCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let commandLine: [String]

  func run() async throws -> Int32 {
    var timeline = Timeline()
    let isSuccess = try await JoinedTree.with(options.targets) { router in
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.start(
          options, targets: targets, on: router, timeline: &timeline, progress: progress)
      }
      let printer = OutputPrinter(tree: tree, asJSON: options.json)
      let ends = try await run(in: tree, router: router, printer: printer)
      try printer.summarize(ends)
      return tree.failures.isEmpty && ends.values.allSatisfy(\.isSuccess)
    }
    return isSuccess ? ExitCode.success : ExitCode.failure
  }

  /// Runs the command everywhere at once, with all output into one receiver, and returns how it ended where.
  private func run(
    in tree: ContextTree, router: Router, printer: OutputPrinter
  ) async throws -> [ContextID: CommandEnd] {
    guard !tree.members.isEmpty else { return [:] }
    let output = Receiver<OutputLines>(router: router)
    let sender = output.sender
    return try await withThrowingTaskGroup(of: (ContextID, CommandEnd)?.self) { group in
      group.addTask {
        for try await lines in output {
          guard let context = lines.context else { break }
          try printer.print(lines.lines, of: context)
        }
        return nil
      }
      for node in tree.members {
        let command = RemoteCommand(arguments: commandLine, context: node.context.id)
        group.addTask { (node.context.id, try await run(command, in: node.context, sender: sender)) }
      }
      var ends: [ContextID: CommandEnd] = [:]
      while let finished = try await group.next() {
        guard let (context, end) = finished else { continue }
        ends[context] = end
        // What the commands have sent came before how they ended: behind it, this is the last to be read.
        if ends.count == tree.members.count { try await sender.send(.end) }
      }
      return ends
    }
  }

  private func run(
    _ command: RemoteCommand, in context: Context, sender: Sender<OutputLines>
  ) async throws -> CommandEnd {
    do {
      return try await context.call(command, sender) { command, sender in try await command.run(sendingTo: sender) }
    } catch {
      try Task.checkCancellation()
      // A context that is lost does not end what runs in the others.
      return CommandEnd(error: "\(error)")
    }
  }
}
