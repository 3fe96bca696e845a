/// Lines that are shown in place of the last ones on a terminal, and below them elsewhere.
struct LiveTable {
  private let stream: StandardStream
  /// How many lines are above the cursor.
  private var drawn = 0
  private var isFirst = true

  init(stream: StandardStream) { self.stream = stream }

  /// Shows lines; none may be longer than the terminal is wide.
  mutating func show(_ lines: [String]) throws(OutputError) {
    guard stream.isDecorated else {
      // Where the output is read later, tables have to be told apart.
      try stream.write(lines: isFirst ? lines : [""] + lines)
      isFirst = false
      return
    }
    // What has left the screen at its top cannot be reached again, and the cursor has a line of its own.
    let visible = lines.prefix(max(1, (stream.rows ?? 24) - 1))
    try stream.write(LiveTable.text(of: visible, over: drawn))
    drawn = visible.count
  }

  /// What shows lines in place of others, which end above the cursor.
  static func text(of lines: some Sequence<String>, over drawn: Int) -> String {
    (drawn > 0 ? "\r\u{1B}[\(drawn)A" : "") + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J"
  }
}
