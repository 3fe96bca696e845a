/// What the program was asked to do.
enum Command: Equatable {
  case facts(TreeOptions)
  case tree(TreeOptions)
  /// The command line is never empty.
  case run(TreeOptions, commandLine: [String])
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
    case "facts": self = try .reading(rest, of: .facts)
    case "tree": self = try .reading(rest, of: .tree)
    case "run": self = try .reading(rest, of: .run)
    case "bench": self = .bench(Array(rest))
    case "help": self = try .help(HelpTopic(arguments: rest))
    case "--help", "-h": self = .help(.program)
    case "--version": self = .version
    // Options without a command are those of the default command.
    case let option where option.hasPrefix("-"): self = try .reading(arguments[...], of: .facts)
    default: throw UsageError("no such command: '\(first)' (see '\(Program.name) help')")
    }
  }

  private static func reading(_ arguments: ArraySlice<String>, of topic: HelpTopic) throws(UsageError) -> Command {
    var reader = ArgumentReader(arguments, of: topic.rawValue)
    var options = TreeOptions()
    var commandLine: [String] = []
    while commandLine.isEmpty, let item = reader.next() {
      switch item {
      case .option("--local", let value):
        options.local = try reader.number(of: "--local", attached: value, in: TreeOptions.localRange)
      case .option("--depth", let value):
        options.depth = try reader.number(of: "--depth", attached: value, in: TreeOptions.depthRange)
      case .option("--json", nil): options.json = true
      case .option("--help", nil), .option("-h", nil): return .help(topic)
      case .option(let name, .some) where ["--json", "--help"].contains(name):
        throw UsageError("\(name) takes no value")
      case .operand(let word) where topic == .run: commandLine = [word] + reader.remainder()
      case .separator where topic == .run:
        commandLine = reader.remainder()
        guard !commandLine.isEmpty else { throw Self.missingCommand }
      default: throw reader.unexpected(item)
      }
    }
    switch topic {
    case .tree: return .tree(options)
    case .run:
      guard !commandLine.isEmpty else { throw Self.missingCommand }
      return .run(options, commandLine: commandLine)
    default: return .facts(options)
    }
  }

  private static var missingCommand: UsageError {
    UsageError("run needs a command: '\(Program.name) run -- COMMAND [ARGUMENT…]'")
  }
}
