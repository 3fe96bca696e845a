/// A way to start a context with a program that runs a command line: somewhere else, or as somebody else.
///
/// What it is to run, the first stage, is a list of words that the method only passes on.
public protocol CommandConnection: ConnectionMethod {
  /// The whole command line that runs `boot`.
  ///
  /// - Throws: ``StreamError`` if the options contradict each other.
  func commandLine(boot: [String]) throws -> [String]
  /// Whether a shell reads the command line on its other side: it is asked to make way for the first stage.
  var isReadByShell: Bool { get }
  /// How far away its other side is.
  var reach: ConnectionReach { get }
  /// What the context is called if its options name it nothing.
  var defaultName: String { get }
  /// What the program gets as its standard streams.
  var streams: ChildStreams { get }
  /// What may help if the program ends before the context is up.
  var endHint: String? { get }
}

/// How far away the other side of a connection is: what it takes to have the program there.
public enum ConnectionReach: Sendable, Hashable {
  /// Another account of this machine, which sees the same files: it runs the file that runs here, if nobody else can
  /// change that. Nothing is sent.
  case account
  /// This machine, with other files: the program is sent as it is, for to unpack it would take longer.
  case machine
  /// Perhaps another machine: the program is sent compressed, if it can be unpacked there.
  case network
}

/// What a program that is started gets as its descriptors 0, 1 and 2.
public enum ChildStreams: String, Sendable, Hashable, Codable {
  /// A socket for input and output, a pipe for errors.
  case errorPipe = "error_pipe"
  /// One socket for all three.
  case merged
  /// A socket for input and output; for errors a terminal, which is also the one that passwords are read from.
  case hybridTerminal = "hybrid_terminal"
  /// A terminal for all three.
  case terminal
}

extension CommandConnection {
  /// A socket, and a pipe for errors.
  public var streams: ChildStreams { .errorPipe }

  /// Perhaps another machine.
  public var reach: ConnectionReach { .network }

  /// No shell.
  public var isReadByShell: Bool { false }

  /// Nothing.
  public var endHint: String? { nil }

  /// The name in the options, or the method's own.
  public func contextName(processID: Int32) -> String { options.name ?? defaultName }

  /// What starts `boot`.
  public func launchPlan(boot: [String]) throws -> LaunchPlan {
    let words = try commandLine(boot: boot)
    guard let program = words.first, !program.isEmpty else {
      throw ConnectionError.failed(defaultName, "there is no program to start")
    }
    var plan = LaunchPlan(path: program, arguments: words)
    plan.streams = streams
    plan.endHint = endHint
    if let asking = self as? any AskingConnection {
      plan.login = LoginDialogue(asking.loginRules)
    }
    return plan
  }

  /// Always fails: such a method starts nothing without a first stage.
  public func launchPlan() throws -> LaunchPlan {
    throw ConnectionError.failed(defaultName, "\(Self.methodName) needs a first stage to run")
  }
}

/// A method whose program asks for things before it runs the command line.
protocol AskingConnection: CommandConnection {
  var loginRules: any LoginRules { get }
}
