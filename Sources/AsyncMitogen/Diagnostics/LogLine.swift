/// The text form of a record: Mitogen's `%H:%M:%S.%f L logger: message`, in local time.
///
/// Children are not trusted with the terminal or with the log's structure: the further lines of a message are indented by
/// four spaces, so that none of them can pass for a record of its own, and control characters except tabs are written as
/// escapes (`\x1b`), so that none of them moves the cursor. A carriage return at the end of a line is left out.
enum LogLine {
  /// The line, or lines, each with a newline at its end.
  static func bytes(of record: LogRecord) -> [UInt8] { bytes(of: record, at: .local(at: record.time)) }

  /// The same with the clock's reading given.
  static func bytes(of record: LogRecord, at time: TimeOfDay) -> [UInt8] {
    let name = record.qualifiedLogger
    var line: [UInt8] = []
    line.reserveCapacity(20 + name.utf8.count + record.message.utf8.count)
    append(Int(time.hour), digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    append(Int(time.minute), digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    append(Int(time.second), digits: 2, to: &line)
    line.append(UInt8(ascii: "."))
    append(Int(record.time.nanoseconds) / 1000, digits: 6, to: &line)
    line.append(UInt8(ascii: " "))
    line.append(record.level.letter)
    line.append(UInt8(ascii: " "))
    append(name, keepsLines: false, to: &line)
    line.append(contentsOf: ": ".utf8)
    append(record.message, keepsLines: true, to: &line)
    line.append(newline)
    return line
  }

  private static let newline = UInt8(ascii: "\n")

  private static func append(_ number: Int, digits: Int, to line: inout [UInt8]) {
    var divisor = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      line.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  private static func append(_ text: String, keepsLines: Bool, to line: inout [UInt8]) {
    let bytes = text.utf8.span
    // Most text has nothing to escape; one scan finds out, and one copy ends it.
    if needsEscapes(bytes) {
      appendEscaped(bytes, keepsLines: keepsLines, to: &line)
    } else {
      line.append(contentsOf: text.utf8)
    }
  }

  /// Whether there is a control character: below space, DEL, or U+0080 to U+009F, which begin with C2 in UTF-8.
  private static func needsEscapes(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices {
      let byte = bytes[index]
      if byte < 0x20 || byte == 0x7F || byte == 0xC2 { return true }
    }
    return false
  }

  private static func appendEscaped(_ bytes: Span<UInt8>, keepsLines: Bool, to line: inout [UInt8]) {
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      let next = index + 1 < bytes.count ? bytes[index + 1] : nil
      index += 1
      switch byte {
      case newline where keepsLines:
        line.append(newline)
        line.append(contentsOf: "    ".utf8)
      case UInt8(ascii: "\r") where keepsLines && (next == newline || next == nil): break
      case UInt8(ascii: "\t"): line.append(byte)
      case 0..<0x20, 0x7F: appendEscape(of: byte, to: &line)
      case 0xC2 where next.map { $0 < 0xA0 } == true:
        appendEscape(of: next ?? 0, to: &line)
        index += 1
      default: line.append(byte)
      }
    }
  }

  private static func appendEscape(of byte: UInt8, to line: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    line.append(contentsOf: "\\x".utf8)
    line.append(digits[Int(byte >> 4)])
    line.append(digits[Int(byte & 15)])
  }
}
