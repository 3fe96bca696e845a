/// Makes lines of bytes that come in chunks.
struct LineAssembler {
  /// A line that is longer is cut: what prints no newline would otherwise fill the memory.
  static let limit = 64 * 1024
  private var partial: [UInt8] = []

  /// Takes the next bytes, and returns the lines that they complete.
  mutating func lines(_ chunk: [UInt8]) -> [String] {
    var lines: [String] = []
    var pieces = chunk.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let rest = pieces.popLast() ?? []
    for piece in pieces {
      lines.append(String(decoding: partial + piece, as: UTF8.self))
      partial = []
    }
    partial += rest
    if partial.count >= LineAssembler.limit, let line = finish() { lines.append(line) }
    return lines
  }

  /// The last line, if no newline came after it.
  mutating func finish() -> String? {
    defer { partial = [] }
    return partial.isEmpty ? nil : String(decoding: partial, as: UTF8.self)
  }
}
