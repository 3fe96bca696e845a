/// What a child said of itself when it came up.
struct BootstrapReport: Sendable, Hashable {
  /// Whether it is of our kind; nil for a Python one.
  var image: ImageIdentity?
}

/// Why a child did not come up.
enum BootstrapFailure: Error, Sendable, Hashable {
  /// Its output ended; `lines` are the last that it printed.
  case ended(lines: [String])
  /// The first stage did not become our program.
  case firstStage(FirstStageFailure, lines: [String])
}

/// Reads what a new child prints before its first frame, line by line.
///
/// A line that contains `MITO002` ends it, as in Mitogen; ours say who they are in the line before. Anything else is
/// kept for an error message. Pure.
struct BootstrapDialogue: Sendable {
  /// Ends the dialogue: frames begin behind it.
  static let ready = "MITO002"
  /// Begins the line in which one of ours says which image it runs.
  static let image = "MITOSWIFT "
  /// The line in which a program that unpacks itself says that it reads the rest of itself.
  static let reads = "MITOREADS"
  /// How many lines are kept.
  private static let historyLimit = 100
  /// How long a line may be; more of it is not kept.
  private static let lineLimit = 4_096

  private(set) var lines: [String] = []
  /// Whether it has said that it reads the rest of itself.
  private(set) var isReading = false
  private var partial: [UInt8] = []
  private var report = BootstrapReport()

  enum Outcome: Sendable, Equatable {
    case more
    case ready(BootstrapReport)
    case failed(BootstrapFailure)
  }

  /// Takes bytes; returns what came of them, and those that are behind the end of the dialogue.
  mutating func receive(_ bytes: [UInt8]) -> (Outcome, rest: [UInt8]) {
    var start = bytes.startIndex
    while let newline = bytes[start...].firstIndex(of: 10) {
      partial += bytes[start..<newline].prefix(BootstrapDialogue.lineLimit)
      let raw = partial
      let line = String(decoding: partial, as: UTF8.self)
      partial = []
      start = newline + 1
      if raw.holds(BootstrapDialogue.ready) { return (.ready(report), Array(bytes[start...])) }
      if line.hasPrefix(BootstrapDialogue.image) {
        report.image = ImageIdentity(String(line.dropFirst(BootstrapDialogue.image.count)))
      } else if line == BootstrapDialogue.reads {
        isReading = true
      } else {
        lines.append(line)
        if lines.count > BootstrapDialogue.historyLimit { lines.removeFirst() }
      }
    }
    if partial.count < BootstrapDialogue.lineLimit {
      partial += bytes[start...].prefix(BootstrapDialogue.lineLimit - partial.count)
    }
    return (.more, [])
  }
}

extension [UInt8] {
  /// Whether they hold the text's bytes.
  func holds(_ text: String) -> Bool { end(of: text) != nil }

  /// The first place behind the text's bytes.
  fileprivate func end(of text: String) -> Int? {
    let wanted = Array(text.utf8)
    return indices.first { self[$0...].starts(with: wanted) }.map { $0 + wanted.count }
  }
}

extension String {
  /// Whether it holds another text's bytes.
  ///
  /// `String.contains` of a string would link the whole machinery of regular expressions: a megabyte to every machine.
  func holds(_ text: String) -> Bool { Array(utf8).holds(text) }

  /// What follows the first place where another text's bytes are; nil if it does not hold them.
  func text(behind text: String) -> String? {
    let bytes = Array(utf8)
    return bytes.end(of: text).map { String(decoding: bytes[$0...], as: UTF8.self) }
  }
}
