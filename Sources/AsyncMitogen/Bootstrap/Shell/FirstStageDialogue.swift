/// The parent's side of starting a child through ``FirstStage``. Pure: bytes in, actions out.
///
/// The first stage says one line with its facts. If it has the image, the greeting is sent; if not, the image's
/// announcement, the image, and the greeting behind them at once. Then ``BootstrapDialogue`` takes over. What else is
/// printed before, banners of login shells for instance, is kept for an error message; lines count as ours only with
/// the token, which nobody else knows.
struct FirstStageDialogue: Sendable {
  /// What the driver is to do.
  enum Action: Sendable, Equatable {
    /// Send the image for this machine, compressed if it can unpack, then the child's greeting.
    case sendImage(TargetFacts)
    /// It runs the cached image: send the greeting.
    case sendGreeting(TargetFacts)
    /// The image that is being sent is read as it comes.
    case imageIsRead
    /// Frames begin.
    case ready(BootstrapReport)
    /// It will not come up; the process ends by itself.
    case failed(FirstStageFailure)
  }

  private enum Phase: Sendable, Equatable {
    case facts
    case starting
    case over
  }

  private let prefix: String
  private var phase = Phase.facts
  private var splitter = LineSplitter(limit: 4_096)
  private var bootstrap = BootstrapDialogue()
  private(set) var facts: TargetFacts?
  /// The last lines that were not for us.
  private var history = LineHistory(lineLimit: 100, byteLimit: 65_536)

  init(token: String) { prefix = "MITO\(token) " }

  /// The last lines that were printed and mean nothing here.
  var lines: [String] { history.lines + bootstrap.lines }

  /// Takes bytes; returns what to do, and the bytes behind the end of the dialogue: the first frames.
  mutating func receive(_ bytes: [UInt8]) -> (actions: [Action], rest: [UInt8]) {
    var actions: [Action] = []
    var remaining = bytes
    while phase == .facts {
      var candidate: String?
      let prefix = prefix
      var history = history
      let rest = splitter.push(remaining) { line in
        if line.hasPrefix(prefix) {
          candidate = line
        } else {
          history.append(line)
        }
        return candidate == nil
      }
      self.history = history
      if let candidate, let found = readFacts(candidate) { actions.append(found) }
      guard let rest else { return (actions, []) }
      remaining = rest
    }
    guard phase == .starting, !remaining.isEmpty else { return (actions, phase == .over ? remaining : []) }
    let wasReading = bootstrap.isReading
    let (outcome, rest) = bootstrap.receive(remaining)
    if bootstrap.isReading, !wasReading { actions.append(.imageIsRead) }
    switch outcome {
    case .more:
      if let failure = firstFailure(in: bootstrap.lines) { fail(failure, &actions) }
      return (actions, [])
    case .ready(let report):
      phase = .over
      return (actions + [.ready(report)], rest)
    case .failed(let failure):
      fail(FirstStageFailure(cause: .ended, detail: "\(failure)"), &actions)
      return (actions, [])
    }
  }

  /// What the end of the stream means: why nothing came of it.
  func ended() -> FirstStageFailure {
    if let failure = firstFailure(in: lines) { return failure }
    if let library = LoaderMessage.missingLibrary(in: lines) {
      return FirstStageFailure(cause: .library, detail: library)
    }
    return FirstStageFailure(cause: facts == nil ? .noShell : .ended, detail: "")
  }

  private mutating func fail(_ failure: FirstStageFailure, _ actions: inout [Action]) {
    phase = .over
    actions.append(.failed(failure))
  }

  private mutating func readFacts(_ line: String) -> Action? {
    if let failure = failure(line) {
      phase = .over
      return .failed(failure)
    }
    guard let words = message(line), words.first == "facts", let facts = TargetFacts(words: Array(words.dropFirst()))
    else {
      history.append(line)
      return nil
    }
    self.facts = facts
    phase = .starting
    return facts.isCached ? .sendGreeting(facts) : .sendImage(facts)
  }

  private func firstFailure(in lines: [String]) -> FirstStageFailure? {
    for line in lines {
      if let failure = failure(line) { return failure }
    }
    return nil
  }

  private func failure(_ line: String) -> FirstStageFailure? {
    guard let words = message(line), words.first == "fail" else { return nil }
    return FirstStageFailure(words: Array(words.dropFirst()))
  }

  /// The words of a line of the first stage; a terminal may have put a carriage return at its end.
  private func message(_ line: String) -> [Substring]? {
    guard line.hasPrefix(prefix) else { return nil }
    return line.dropFirst(prefix.count).split { $0 == " " || $0 == "\r" }
  }
}

/// What a dynamic loader says when it cannot start a program.
enum LoaderMessage {
  /// The library that glibc or musl did not find; nil if that is not what the lines say.
  static func missingLibrary(in lines: [String]) -> String? {
    for line in lines {
      if line.utf8.count > 4_096 { continue }
      let bytes = Array(line.utf8)
      let isGlibc = bytes.holds("error while loading shared libraries: ")
      guard isGlibc || bytes.holds("Error loading shared library ") else { continue }
      let words = line.split(separator: " " as Character)
      if let library = words.first(where: { Array($0.utf8).holds(".so") && $0.last == ":" }) {
        return String(library.dropLast())
      }
    }
    return nil
  }
}
