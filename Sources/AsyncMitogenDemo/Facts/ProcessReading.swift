/// What `/proc/PID/stat` says of a process at one moment.
struct ProcessReading: Equatable {
  let name: String
  /// The time it has run, in the kernel's ticks.
  let ticks: Int
  /// When it was started, in ticks since the host's start: with its number, this says which process it is.
  let startTicks: Int

  /// Reads the file's text.
  init?(_ text: String) {
    // The name stands in parentheses, and may itself hold parentheses, blanks and newlines.
    guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
    let fields = text[text.index(after: close)...].split(whereSeparator: \.isWhitespace)
    // The manual counts from 1, and the first one here is its third.
    func field(_ number: Int) -> Int? { number - 3 < fields.count ? Int(fields[number - 3]) : nil }
    guard let user = field(14), let system = field(15), let start = field(22) else { return nil }
    name = String(text[text.index(after: open)..<close])
    ticks = user + system
    startTicks = start
  }
}
