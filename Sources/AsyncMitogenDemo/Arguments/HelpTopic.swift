/// What help is asked for.
enum HelpTopic: String, Equatable, CaseIterable {
  case program = "help"
  case facts
  case tree
  case run
  case copy
  case fetch
  case tail
  case top
  case services
  case detach
  case targets
  case bench

  /// Reads the arguments of `help`.
  init(arguments: ArraySlice<String>) throws(UsageError) {
    guard let name = arguments.first, name != "--help", name != "-h" else {
      self = .program
      return
    }
    guard arguments.count == 1, let topic = HelpTopic(rawValue: name) else {
      throw UsageError("no help on '\(arguments.joined(separator: " "))' (see '\(Program.name) help')")
    }
    self = topic
  }

  /// The text, ending with a newline.
  var text: String {
    switch self {
    case .program: HelpText.program
    case .facts: HelpText.facts + HelpText.local + HelpText.targetOptions
    case .tree: HelpText.tree + HelpText.local + HelpText.targetOptions
    case .run: HelpText.run + HelpText.local + HelpText.targetOptions
    case .copy: HelpText.copy + HelpText.targetOptions
    case .fetch: HelpText.fetch + HelpText.targetOptions
    case .tail: HelpText.tail + HelpText.targetOptions
    case .top: HelpText.top + HelpText.targetOptions
    case .services: HelpText.services + HelpText.targetOptions
    case .detach: HelpText.detach
    case .targets: HelpText.targets
    case .bench: HelpText.bench
    }
  }
}
