/// What the program was asked to do.
enum Command: Equatable {
  case facts(TreeOptions)
  case tree(TreeOptions)
  /// The command line is never empty.
  case run(TreeOptions, commandLine: [String])
  case copy(TreeOptions, IncomingFile)
  case fetch(TreeOptions, IncomingFile)
  case tail(TreeOptions, TailOptions)
  case top(TreeOptions, TopOptions)
  case services(TreeOptions, ServicesOptions)
  /// Leaves a context behind that listens at a path, or ends it.
  case detach(path: String?, ends: Bool)
  case bench([String])
  case help(HelpTopic)
  case version

  /// Reads the program's arguments, without its name.
  init(arguments: [String]) throws(UsageError) {
    guard let first = arguments.first else {
      self = .facts(TreeOptions())
      return
    }
    let rest = arguments.dropFirst()
    switch first {
    case "bench": self = .bench(Array(rest))
    case "help": self = try .help(HelpTopic(arguments: rest))
    case "--help", "-h": self = .help(.program)
    case "--version": self = .version
    // Options without a command are those of the default command.
    case let option where option.hasPrefix("-"): self = try .reading(arguments[...], of: .facts)
    default:
      guard let topic = HelpTopic(rawValue: first), topic.isCommand else {
        throw UsageError("no such command: '\(first)' (see '\(Program.name) help')")
      }
      self = try .reading(rest, of: topic)
    }
  }

  private static func reading(_ arguments: ArraySlice<String>, of topic: HelpTopic) throws(UsageError) -> Command {
    var reader = CommandReader(arguments, of: topic)
    guard try reader.read() else { return .help(topic) }
    let options = reader.options
    switch topic {
    case .tree: return .tree(options)
    case .run:
      guard !reader.operands.isEmpty else {
        throw UsageError("run needs a command: '\(Program.name) run -- COMMAND [ARGUMENT…]'")
      }
      return .run(options, commandLine: reader.operands)
    case .copy:
      guard reader.operands.count == 2 else {
        throw UsageError("copy needs a file and where it goes: '\(Program.name) copy --on SPEC FILE PATH'")
      }
      return .copy(options, reader.file)
    case .fetch:
      guard reader.operands.count == 2 else {
        throw UsageError("fetch needs a file and where it goes: '\(Program.name) fetch --on SPEC REMOTE LOCAL'")
      }
      return .fetch(options, reader.file)
    case .tail:
      guard reader.operands.count == 1 else {
        throw UsageError("tail needs one file: '\(Program.name) tail --on SPEC FILE'")
      }
      return .tail(options, TailOptions(file: reader.operands[0], lines: reader.lines))
    case .top: return .top(options, reader.top)
    case .services: return .services(options, ServicesOptions(pace: reader.top, load: reader.load))
    case .detach:
      guard !reader.ends || !reader.operands.isEmpty else { throw UsageError("detach --end needs a path") }
      return .detach(path: reader.operands.first, ends: reader.ends)
    case .facts, .program, .targets, .bench: return .facts(options)
    }
  }
}
