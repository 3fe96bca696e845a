/// What is said on a stream before its first frame. Pure.
enum StartDialogue: Sendable {
  /// Our program runs from the beginning.
  case program(BootstrapDialogue)
  /// A shell runs first, and becomes our program.
  case firstStage(FirstStageDialogue)
  /// A Python interpreter becomes a context.
  case python(PythonDialogue)

  /// What is to be done.
  enum Action: Sendable, Equatable {
    /// Send the image for this machine, then the child's greeting.
    case sendImage(TargetFacts)
    /// Send the child's greeting.
    case sendGreeting
    /// The image that is being sent is read as it comes.
    case imageIsRead
    /// Frames begin.
    case ready(BootstrapReport)
    /// It will not come up.
    case failed(BootstrapFailure)
  }

  /// Takes bytes; returns what to do, and those that are behind the end of the dialogue.
  mutating func receive(_ bytes: [UInt8]) -> (actions: [Action], rest: [UInt8]) {
    switch self {
    case .program(var dialogue):
      let (outcome, rest) = dialogue.receive(bytes)
      self = .program(dialogue)
      switch outcome {
      case .more: return ([], rest)
      case .ready(let report): return ([.ready(report)], rest)
      case .failed(let failure): return ([.failed(failure)], rest)
      }
    case .firstStage(var dialogue):
      let (actions, rest) = dialogue.receive(bytes)
      self = .firstStage(dialogue)
      let mapped = actions.map { action -> Action in
        switch action {
        case .sendImage(let facts): .sendImage(facts)
        case .sendGreeting: .sendGreeting
        case .imageIsRead: .imageIsRead
        case .ready(let report): .ready(report)
        case .failed(let failure): .failed(.firstStage(failure, lines: dialogue.lines))
        }
      }
      return (mapped, rest)
    case .python(var dialogue):
      let (actions, rest) = dialogue.receive(bytes)
      self = .python(dialogue)
      return (actions, rest)
    }
  }

  /// What the end of the stream means.
  func ended() -> BootstrapFailure {
    switch self {
    case .program(let dialogue): .ended(lines: dialogue.lines)
    case .firstStage(let dialogue): .firstStage(dialogue.ended(), lines: dialogue.lines)
    case .python(let dialogue): .ended(lines: dialogue.lines)
    }
  }
}
