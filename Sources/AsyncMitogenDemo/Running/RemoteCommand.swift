internal import AsyncMitogen

/// A command to run in a context, as it is sent there.
struct RemoteCommand: Codable, Sendable {
  /// The program, a path or a name that is looked for in PATH, and its arguments. Never empty.
  var arguments: [String]
  /// The context in which it runs.
  var context: ContextID

  /// Runs it in this process's context, and sends its output away line by line.
  ///
  /// This waits for the command with its thread, which delays nothing else in this process. If the call is cancelled,
  /// or nobody wants the lines any more, the command ends with it.
  func run(sendingTo sender: Sender<OutputLines>) async throws -> CommandEnd {
    let command: RunningCommand
    do {
      command = try RunningCommand(arguments: arguments)
    } catch {
      return CommandEnd(error: error.description)
    }
    return try await withTaskCancellationHandler {
      do {
        var assembler = LineAssembler()
        while let chunk = command.nextOutput() {
          let lines = assembler.lines(chunk)
          if !lines.isEmpty { try await sender.send(OutputLines(context: context, lines: lines)) }
        }
        if let last = assembler.finish() { try await sender.send(OutputLines(context: context, lines: [last])) }
      } catch {
        command.terminate()
        _ = command.waitForEnd()
        throw error
      }
      let end = command.waitForEnd()
      try Task.checkCancellation()
      return end
    } onCancel: {
      command.terminate()
    }
  }
}
