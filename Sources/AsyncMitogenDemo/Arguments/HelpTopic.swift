/// What help is asked for.
enum HelpTopic: String, Equatable {
  case program = "help"
  case facts
  case tree
  case run
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
    case .program: HelpTopic.programText
    case .facts: HelpTopic.factsText + HelpTopic.optionsText
    case .tree: HelpTopic.treeText + HelpTopic.optionsText
    case .run: HelpTopic.runText + HelpTopic.optionsText
    case .bench: HelpTopic.benchText
    }
  }

  private static let programText = """
    Usage: \(Program.name) [COMMAND] [OPTION…]

    Starts copies of itself, calls code in them, and leaves nothing behind.

    Commands:
      facts             what each context knows of itself and its host (the default)
      tree              the contexts and who started whom
      run -- COMMAND…   run a command in each context, with its output as it comes
      bench             measure the library
      help [COMMAND]    this text, or a command's

    Options:
      --version         print the version
      --help            print this text; after a command, that command's

    Exit status: 0; 1 if something failed; 64 if the arguments make no sense; 130 after Ctrl-C, 143 after SIGTERM.
    A second Ctrl-C does not wait for the contexts to end: they end by themselves.

    """

  private static let factsText = """
    Usage: \(Program.name) facts [--local N] [--depth N] [--json]

    Starts contexts and gathers facts in each of them: a table with a row for every context, the processes that use
    most CPU on each host, the tree, and how long each stage took. The use of CPU is that between two samples, taken
    \(FactsCommand.sampleMilliseconds) milliseconds apart.

      --json     one JSON document: {"contexts":[…],"stages":{…}}, times in milliseconds, memory in bytes. A context
                 that did not answer has "error" in place of its facts.

    """

  private static let treeText = """
    Usage: \(Program.name) tree [--local N] [--depth N] [--json]

    Starts contexts and prints the tree of them, with their names, numbers in the tree, and process numbers.

      --json     one JSON document: the master, with its "children", and so on

    """

  private static let runText = """
    Usage: \(Program.name) run [--local N] [--depth N] [--json] -- COMMAND [ARGUMENT…]

    Runs a command in each context, standard input being empty, until it and all that it started have ended or closed
    their output. Its output and errors are printed line by line as they come, each with the name of its context; how
    the commands ended is listed on standard error. Exits with 1 if any failed.

      --json     JSON lines: {"context","name","line"} for each line of output, and for each context at its end
                 {"context","name","status"}, {"context","name","signal","error"} or {"context","name","error"}

    """

  private static let optionsText = """
      --local N  how many contexts this process starts: \(TreeOptions().local) if not given
      --depth N  how many more hang in a chain below the first, each started by the one above: \
    \(TreeOptions().depth) if not given
      --help     print this text

    """

  private static let benchText = """
    Usage: \(Program.name) bench [ARGUMENT…]

    Measures the library. 'bench --help' says more.

    """
}
