/// The last lines that a process printed, for the error that says why it is gone.
///
/// Bounded by a number of lines and by bytes; the oldest go first. Mitogen keeps 100 lines for each of two streams and
/// merges them by time; here both streams feed one history.
struct LineHistory: Sendable {
  /// How many lines are kept.
  let lineLimit: Int
  /// How many bytes of them are kept.
  let byteLimit: Int
  /// How many lines there were that are not kept.
  private(set) var droppedCount = 0
  private var byteCount = 0
  private var ring: [String] = []
  /// Where the oldest line is in `ring`, and how many there are from there on.
  private var first = 0
  private var count = 0

  /// Makes an empty history.
  init(lineLimit: Int = 100, byteLimit: Int = 64 * 1024) {
    self.lineLimit = max(lineLimit, 1)
    self.byteLimit = max(byteLimit, 64)
  }

  /// The lines that are kept, oldest first.
  var lines: [String] { (0..<count).map { ring[(first + $0) % ring.count] } }

  /// Adds a line. Of a line that is longer than all that may be kept, the end is kept.
  mutating func append(_ line: String) {
    var line = line
    if line.utf8.count > byteLimit {
      // A cut in a character leaves a mark of its own (U+FFFD, three bytes for up to three): still within the bound.
      let kept = line.utf8.suffix(byteLimit - 16).drop { $0 & 0xC0 == 0x80 }
      line = "…" + String(decoding: kept, as: UTF8.self)
    }
    while count > 0 && (count == lineLimit || byteCount + line.utf8.count > byteLimit) { dropFirst() }
    if ring.count < lineLimit && first + count == ring.count {
      ring.append(line)
    } else {
      ring[(first + count) % ring.count] = line
    }
    count += 1
    byteCount += line.utf8.count
  }

  private mutating func dropFirst() {
    byteCount -= ring[first].utf8.count
    ring[first] = ""
    first = (first + 1) % ring.count
    count -= 1
    droppedCount += 1
  }
}

extension LineHistory: CustomStringConvertible {
  /// The lines that are kept, with a newline between them.
  var description: String { lines.joined(separator: "\n") }
}
