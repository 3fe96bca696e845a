/// Answers what a program asks before the first stage runs, and notices when it says no. Pure.
///
/// A secret is typed only where its prompt is known, once for each time it is asked, and never after the first stage has
/// begun: what is printed then comes from the other side.
struct LoginDialogue: Sendable {
  /// What is to be done.
  enum Action: Sendable, Hashable {
    /// Write this and a newline to where the prompt came from.
    case type(Secret)
    /// Ask this, and say what came of it with `answer`.
    case ask(AuthenticationRequest)
    /// Give up.
    case fail(LoginFailure)
    /// A line was printed.
    case log(String, isDebug: Bool)
    /// The first stage runs, on the same terminal: this is the line that says so, and what is behind it.
    case started([UInt8])
  }

  private enum State {
    case open
    case asking(AuthenticationRequest.Kind)
    case over
  }

  /// How long nothing must have come before `settled` is to be called, in milliseconds.
  static let settlingMilliseconds = 250
  /// How long a line may be; a longer one comes in pieces.
  private static let lineLimit = 4_096

  private let rules: any LoginRules
  private var state = State.open
  private var splitter = LineSplitter(limit: LoginDialogue.lineLimit)
  /// How much of the unfinished line has been answered.
  private var answered = 0
  private var attempts: [AuthenticationRequest.Kind: Int] = [:]
  private var lastSent: AuthenticationRequest.Kind?
  private var typed: [Secret] = []
  /// Something that looks like a question and that nobody answered: for the error that says that time is up.
  private(set) var unansweredPrompt: String?

  init(_ rules: any LoginRules) { self.rules = rules }

  /// Whether it may still have something to say but a line to log.
  var isOver: Bool { if case .over = state { true } else { false } }

  /// Whether an unfinished line waits that may be a question: call `settled` if nothing comes for a while.
  var isUndecided: Bool { if case .open = state { !promptText(isSettled: true).text.isEmpty } else { false } }

  /// Takes what was printed.
  mutating func receive(_ bytes: [UInt8]) -> [Action] {
    var actions: [Action] = []
    let (lines, rest) = split(bytes)
    for line in lines {
      answered = 0
      unansweredPrompt = nil
      take(line, &actions)
    }
    if let rest { actions.append(.started(Array(((lines.last ?? "") + "\n").utf8) + rest)) }
    answered = min(answered, splitter.partial.count)
    checkPrompt(isSettled: false, &actions)
    return actions
  }

  /// Nothing has come for a while.
  mutating func settled() -> [Action] {
    var actions: [Action] = []
    checkPrompt(isSettled: true, &actions)
    return actions
  }

  /// What came of the last `ask`; nil if there is no answer.
  mutating func answer(_ secret: Secret?) -> [Action] {
    guard case .asking(let kind) = state else { return [] }
    guard let secret else { return fail(.password(rules.required(kind))) }
    state = .open
    return type(secret, kind)
  }

  /// The first stage runs: nothing is answered any more.
  mutating func succeed() { state = .over }

  /// The output has ended: its last line, if that was not finished.
  mutating func finish() -> [Action] {
    var actions: [Action] = []
    if let line = splitter.finish() { take(line, &actions) }
    state = .over
    return actions
  }

  // MARK: lines

  /// The lines that are complete now; and what is behind the last, if the first stage begins with it.
  private mutating func split(_ bytes: [UInt8]) -> (lines: [String], rest: [UInt8]?) {
    guard !isOver else { return (splitter.lines(bytes), nil) }
    var lines: [String] = []
    let rules = rules
    let rest = splitter.push(bytes) { line in
      lines.append(line)
      return rules.meaning(of: line) != .started
    }
    return (lines, rest)
  }

  private mutating func take(_ line: String, _ actions: inout [Action]) {
    let line = masked(String(line.drop { $0 == "\r" }.reversed().drop { $0 == "\r" }.reversed()))
    let meaning = isOver ? .nothing : rules.meaning(of: line)
    actions.append(.log(line, isDebug: meaning == .debug))
    switch meaning {
    case .nothing, .debug: break
    case .started: succeed()
    case .failure(let failure): actions += fail(failure)
    case .refused(let refusal): refused(refusal, &actions)
    }
  }

  private mutating func refused(_ refusal: Refusal, _ actions: inout [Action]) {
    switch refusal {
    case .asksAgain:
      // Without anybody to ask there is nothing else to be tried, and each try takes seconds and is counted.
      guard !rules.isInteractive, let lastSent else { return }
      actions += fail(.password(rules.incorrect(lastSent)))
    case .ends(let message):
      if let lastSent {
        actions += fail(.password(rules.incorrect(lastSent)))
      } else if let message {
        actions += fail(.password(message))
      }
    }
  }

  /// A terminal that echoes would print what is typed.
  private func masked(_ line: String) -> String {
    var line = line
    for secret in typed where secret.reveal().count >= 4 {
      line = line.replacing(bytes: secret.reveal(), with: "[secret]")
    }
    return line
  }

  // MARK: prompts

  private func promptText(isSettled: Bool) -> PromptText {
    var bytes = splitter.partial.dropFirst(answered)
    var followsReturn = false
    if let position = bytes.lastIndex(of: UInt8(ascii: "\r")) {
      bytes = bytes[(position + 1)...]
      followsReturn = true
    }
    let text = PasswordPrompt.trimmed(String(decoding: bytes, as: UTF8.self))
    return PromptText(text: text, followsReturn: followsReturn, isSettled: isSettled)
  }

  private mutating func checkPrompt(isSettled: Bool, _ actions: inout [Action]) {
    guard case .open = state else { return }
    let text = promptText(isSettled: isSettled)
    guard !text.text.isEmpty else { return }
    guard let prompt = rules.prompt(text) else {
      if isSettled, PasswordPrompt.looksLikeQuestion(text.text) { unknown(text.text, &actions) }
      return
    }
    answered = splitter.partial.count
    switch prompt {
    case .confirm(let answer): actions.append(.type(Secret(answer)))
    case .refuse(let failure): actions += fail(failure)
    case .secret(let kind): asked(kind, text.text, &actions)
    }
  }

  private mutating func asked(_ kind: AuthenticationRequest.Kind, _ prompt: String, _ actions: inout [Action]) {
    let attempt = (attempts[kind] ?? 0) + 1
    attempts[kind] = attempt
    if attempt == 1, let secret = rules.secret(for: kind) {
      actions += type(secret, kind)
    } else if rules.isInteractive {
      state = .asking(kind)
      actions.append(.ask(AuthenticationRequest(method: rules.method, kind: kind, prompt: prompt, attempt: attempt)))
    } else {
      actions += fail(.password(attempt == 1 ? rules.required(kind) : rules.incorrect(kind)))
    }
  }

  /// A question that the rules do not know: never answered with what is meant for others.
  private mutating func unknown(_ prompt: String, _ actions: inout [Action]) {
    guard rules.isInteractive else {
      unansweredPrompt = prompt
      return
    }
    answered = splitter.partial.count
    asked(PasswordPrompt.asksForCode(prompt) ? .oneTimeCode : .other, prompt, &actions)
  }

  private mutating func type(_ secret: Secret, _ kind: AuthenticationRequest.Kind) -> [Action] {
    lastSent = kind
    typed.append(secret)
    return [.type(secret)]
  }

  private mutating func fail(_ failure: LoginFailure) -> [Action] {
    guard !isOver else { return [] }
    state = .over
    return [.fail(failure)]
  }
}
