internal import AsyncMitogen
internal import Glibc

/// Reads the arguments, runs the command, and turns how it ended into an exit status and a line for a person.
enum Program {
  /// What the program calls itself.
  static let name = "AsyncMitogenDemo"

  static func run(_ arguments: [String]) async -> Int32 {
    do {
      return try await perform(try Command(arguments: arguments))
    } catch let error as UsageError {
      complain("\(error.message)")
      return ExitCode.usage
    } catch is CancellationError {
      return ExitCode.failure
    } catch let error as OutputError where error.code == EPIPE {
      // As a process that SIGPIPE had ended: whoever closed the pipe knows why.
      return 128 + SIGPIPE
    } catch {
      // What fails because of an interrupt is no news to the person who caused it.
      if !Task.isCancelled { complain("\(error)") }
      return ExitCode.failure
    }
  }

  private static func perform(_ command: Command) async throws -> Int32 {
    switch command {
    case .facts(let options):
      let targets = try options.targets.load().map { target in options.python.map(target.addingPython) ?? target }
      return try await FactsCommand(options: options, targets: targets).run()
    case .tree(let options):
      return try await TreeCommand(options: options, targets: try options.targets.load()).run()
    case .run(let options, let line):
      return try await RunCommand(options: options, targets: try options.targets.load(), commandLine: line).run()
    case .copy(let options, let file):
      return try await CopyCommand(options: options, targets: try options.targets.load(), file: file).run()
    case .fetch(let options, let file):
      return try await FetchCommand(options: options, targets: try options.targets.load(), file: file).run()
    case .tail(let options, let tail):
      return try await TailCommand(options: options, targets: try options.targets.load(), tail: tail).run()
    case .top(let options, let top):
      return try await TopCommand(options: options, targets: try options.targets.load(), top: top).run()
    case .services(let options, let services):
      return try await ServicesCommand(options: options, targets: try options.targets.load(), services: services).run()
    case .detach(let path?, ends: true): try await DetachedContext.end(at: path)
    case .detach(let path, ends: _):
      let context = try await DetachedContext.start(at: path)
      try StandardStream.output.write("\(context.path) \(context.process)\n")
    case .bench(let arguments): return await BenchCommand.run(arguments)
    case .help(let topic): try StandardStream.output.write(topic.text)
    case .version: try StandardStream.output.write("\(name) \(Mitogen.version)\n")
    }
    return ExitCode.success
  }

  private static func complain(_ message: String) {
    // Nobody is left to tell if standard error does not work.
    try? StandardStream.error.write("\(name): \(message)\n")
  }
}

/// The exit statuses that are not a signal's.
enum ExitCode {
  static let success: Int32 = 0
  /// Something did not work: a context could not be started, or a command in one failed.
  static let failure: Int32 = 1
  /// The arguments make no sense; `EX_USAGE` of `sysexits.h`.
  static let usage: Int32 = 64
}
