internal import AsyncMitogen

/// Some lines of a command's output, on their way to the master.
struct OutputLines: Codable, Sendable {
  /// Where the command runs; nil if no more lines will come from anywhere.
  var context: ContextID?
  var lines: [String]

  /// The last that a receiver of lines gets.
  static let end = OutputLines(context: nil, lines: [])
}
