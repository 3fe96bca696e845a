/// Reads the options of one command, and what stands beside them.
struct CommandReader {
  private var reader: ArgumentReader
  private let topic: HelpTopic
  /// The names of the options that were given.
  private var given: [String] = []

  private(set) var options = TreeOptions()
  private(set) var lines = TailOptions.defaultLines
  private(set) var top = TopOptions()
  private(set) var resumes = false
  private(set) var load = ServicesOptions.defaultLoad
  private(set) var operands: [String] = []
  private(set) var ends = false

  /// What is to be transferred, if there are two operands.
  var file: IncomingFile { IncomingFile(source: operands[0], destination: operands[1], resumes: resumes) }

  init(_ arguments: ArraySlice<String>, of topic: HelpTopic) {
    reader = ArgumentReader(arguments, of: topic.rawValue)
    self.topic = topic
  }

  /// Reads all; false if help was asked for.
  mutating func read() throws(UsageError) -> Bool {
    while let item = reader.next() {
      switch item {
      case .option("--help", nil), .option("-h", nil): return false
      case .option(let name, .some)
      where ["--json", "--help", "--end", "--once", "--password-prompt", "--resume"].contains(name):
        throw UsageError("\(name) takes no value")
      case .option(let name, let value):
        guard try read(name, value) else { throw reader.unexpected(item) }
        given.append(name)
      case .operand(let word) where topic == .run:
        // The rest is the command's own.
        operands = [word] + reader.remainder()
      case .separator where topic.takesOperands: operands += reader.remainder()
      case .operand(let word) where operands.count < topic.operandLimit: operands.append(word)
      case .operand, .separator: throw reader.unexpected(item)
      }
    }
    guard operands.count <= topic.operandLimit else {
      throw reader.unexpected(.operand(operands[topic.operandLimit]))
    }
    try check()
    return true
  }

  /// Takes an option; false if the command has none of that name.
  private mutating func read(_ name: String, _ value: String?) throws(UsageError) -> Bool {
    switch name {
    case "--end" where topic == .detach: ends = true
    case _ where topic == .detach: return false
    case "--json": options.json = true
    case "--local" where !topic.needsTargets:
      options.local = try reader.number(of: name, attached: value, in: TreeOptions.localRange)
    case "--depth" where !topic.needsTargets:
      options.depth = try reader.number(of: name, attached: value, in: TreeOptions.depthRange)
    case "--python" where topic == .facts: options.python = try reader.text(of: name, attached: value, "a Python")
    case "--lines" where topic == .tail:
      lines = try reader.number(of: name, attached: value, in: TailOptions.linesRange)
    case "--resume" where topic == .copy || topic == .fetch: resumes = true
    case "--interval" where topic.isLive:
      top.interval = try reader.seconds(of: name, attached: value, in: TopOptions.intervalRange)
    case "--count" where topic.isLive:
      top.count = try reader.number(of: name, attached: value, in: TopOptions.countRange)
    case "--once" where topic == .services: top.count = 1
    case "--load" where topic == .services:
      load = try reader.number(of: name, attached: value, in: ServicesOptions.loadRange)
    default: return try readTarget(name, value)
    }
    return true
  }

  private mutating func readTarget(_ name: String, _ value: String?) throws(UsageError) -> Bool {
    switch name {
    case "--on":
      let text = try reader.text(of: name, attached: value, "a target (see '\(Program.name) help targets')")
      do {
        options.targets.sources.append(.spec(try TargetSpec(parsing: text)))
      } catch {
        throw UsageError("--on: \(error)")
      }
    case "--join": options.targets.joined = try reader.text(of: name, attached: value, "a socket")
    case "--inventory":
      options.targets.sources.append(.inventory(try reader.text(of: name, attached: value, "a file")))
    case "--parallel":
      options.targets.parallel = try reader.number(of: name, attached: value, in: TargetOptions.parallelRange)
    case "--timeout":
      options.targets.timeout = try reader.seconds(of: name, attached: value, in: TargetOptions.timeoutRange)
    case "--password-prompt": options.targets.asksPassword = true
    default: return false
    }
    return true
  }

  /// Refuses options that do not go together.
  private mutating func check() throws(UsageError) {
    if options.python != nil {
      if given.contains("--depth") { throw UsageError("--depth does not go with --python: Python starts no chain") }
      options.depth = 0
    }
    let hint = "--on SPEC or --inventory FILE (see '\(Program.name) help targets')"
    if options.targets.sources.isEmpty, options.targets.joined == nil {
      if topic.needsTargets { throw UsageError("\(topic.rawValue) needs targets: \(hint)") }
      if let name = given.first(where: ["--parallel", "--timeout", "--password-prompt"].contains) {
        throw UsageError("\(name) needs targets: \(hint)")
      }
    } else if let name = given.first(where: ["--local", "--depth"].contains) {
      throw UsageError("\(name) is for contexts without targets: it does not go with --on, --inventory and --join")
    }
  }
}

extension HelpTopic {
  /// Whether it is a command whose options are read here.
  var isCommand: Bool {
    switch self {
    case .facts, .tree, .run, .copy, .fetch, .tail, .top, .services, .detach: true
    case .program, .targets, .bench: false
    }
  }

  /// Whether it makes no sense without targets.
  fileprivate var needsTargets: Bool {
    switch self {
    case .copy, .fetch, .tail, .top, .services: true
    case .facts, .tree, .run, .detach, .program, .targets, .bench: false
    }
  }

  /// Whether it prints again and again.
  fileprivate var isLive: Bool { self == .top || self == .services }

  /// How many arguments it takes that are no options.
  fileprivate var operandLimit: Int {
    switch self {
    case .run: .max
    case .copy, .fetch: 2
    case .tail, .detach: 1
    case .facts, .tree, .top, .services, .program, .targets, .bench: 0
    }
  }

  fileprivate var takesOperands: Bool { operandLimit > 0 }
}
