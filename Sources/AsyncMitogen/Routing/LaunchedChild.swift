/// A process that has been started to become a child, with the ends that stay here.
struct LaunchedChild: Sendable {
  let process: ChildProcess?
  let transport: any Transport
  /// Where it prints what is meant for people, and asks; nil if that is among the frames.
  let errorOutput: FileDescriptor?
  let start: ChildStart
}

/// How a process that has been started becomes a child.
struct ChildStart: Sendable {
  /// What a context reads before anything else.
  let greeting: [UInt8]
  /// The shell that runs first, and the program that it becomes; nil if the program runs from the beginning.
  var firstStage: (stage: FirstStage, image: ProgramImage)?
  /// Whether it is a Python interpreter, which says when it reads the greeting.
  var isPython = false
  /// What is asked before that.
  var login: Login?
  /// What may help if it ends before it is up.
  var endHint: String?

  /// How often it and its parent let hear from each other once it is up; nil if they do not.
  var keepAlive: Duration?

  /// A program that asks before it lets anybody in.
  struct Login: Sendable {
    let dialogue: LoginDialogue
    let authenticate: Authenticator?
    /// Where it asks, if that is where frames come from as well: those are read only once it has let us in.
    let stream: FileDescriptor?
  }

  /// What is said before the first frame.
  var dialogue: StartDialogue {
    if isPython { return .python(PythonDialogue()) }
    return firstStage.map { .firstStage(FirstStageDialogue(token: $0.stage.token)) } ?? .program(BootstrapDialogue())
  }
}

/// Reads what a child prints outside of its frames.
protocol ChildOutputReader: AnyObject, Sendable {
  /// Starts to read.
  func start() throws
  /// Stops, and returns the lines that are still there.
  func finish() -> [String]
  /// The context is up: nothing is answered any more.
  func succeed()
  /// A question that nobody answered.
  var unansweredPrompt: String? { get }
}

extension LineReader: ChildOutputReader {
  func succeed() {}
  var unansweredPrompt: String? { nil }
}

extension LoginReader: ChildOutputReader {}
