@testable import AsyncMitogen

/// What a program printed, and what somebody did.
enum Step: Sendable, Hashable {
  case prints(String)
  /// Nothing came for a while.
  case waits
  case types(String)
  case asks(AuthenticationRequest)
  case answers(String?)
  case fails(LoginFailure)
}

/// Plays what a program printed to a dialogue, in pieces, and notes what the dialogue does.
struct Transcript: Sendable {
  let rules: any LoginRules
  let steps: [Step]

  init(_ rules: any LoginRules, _ steps: [Step]) {
    self.rules = rules
    self.steps = steps
  }

  /// What it should do.
  var expected: [Step] {
    steps.filter { step in
      switch step {
      case .types, .asks, .fails: true
      case .prints, .waits, .answers: false
      }
    }
  }

  /// What it does if each output comes in pieces of that size.
  func played(inPiecesOf size: Int) -> [Step] {
    var dialogue = LoginDialogue(rules)
    var done: [Step] = []
    for step in steps {
      var actions: [LoginDialogue.Action] = []
      switch step {
      case .prints(let text):
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
          actions += dialogue.receive(Array(bytes[start..<min(start + size, bytes.count)]))
        }
      case .waits: actions = dialogue.settled()
      case .answers(let answer): actions = dialogue.answer(answer.map { Secret($0) })
      case .types, .asks, .fails: break
      }
      done += actions.compactMap(Self.step)
    }
    return done
  }

  private static func step(_ action: LoginDialogue.Action) -> Step? {
    switch action {
    case .type(let secret): .types(secret.reveal())
    case .ask(let request): .asks(request)
    case .fail(let failure): .fails(failure)
    case .log, .started: nil
    }
  }
}
