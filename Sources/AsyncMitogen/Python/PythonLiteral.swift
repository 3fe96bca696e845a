/// Reads a value as Python's `repr` writes it: text, bytes, integers, truth values, `None`, lists, tuples, dictionaries.
/// Anything else is refused: no name is looked up, and nothing is executed. Pure.
struct PythonLiteral: Sendable {
  /// What is wrong with a text, and where.
  struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    let reason: String
    /// The byte.
    let position: Int
    var description: String { "\(reason) at byte \(position)" }
  }

  /// How deep lists, tuples and dictionaries may lie in each other.
  static let depthLimit = 32

  private let bytes: [UInt8]
  private var position = 0

  /// Reads one value, which must be all there is.
  static func parse(_ bytes: [UInt8]) throws(Failure) -> PickledValue {
    var literal = PythonLiteral(bytes: bytes)
    let value = try literal.value(depth: 0)
    literal.skipSpace()
    guard literal.next == nil else { throw literal.failure("something is behind the value") }
    return value
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func failure(_ reason: String) -> Failure { Failure(reason: reason, position: position) }

  private mutating func skipSpace() {
    while let byte = next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(Failure) -> PickledValue {
    guard depth <= PythonLiteral.depthLimit else { throw failure("values lie too deep in each other") }
    skipSpace()
    guard let byte = next else { throw failure("a value is missing") }
    switch byte {
    case UInt8(ascii: "["):
      position += 1
      return .list(try elements(until: UInt8(ascii: "]"), depth).values)
    case UInt8(ascii: "("):
      position += 1
      let (values, hasComma) = try elements(until: UInt8(ascii: ")"), depth)
      // Parentheses around one value mean nothing.
      return values.count == 1 && !hasComma ? values[0] : .tuple(values)
    case UInt8(ascii: "{"):
      position += 1
      return .dictionary(try entries(depth))
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return try text()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try integer()
    default: return try word()
    }
  }

  private mutating func elements(
    until end: UInt8, _ depth: Int
  ) throws(Failure) -> (values: [PickledValue], hasComma: Bool) {
    var (values, hasComma) = ([PickledValue](), false)
    while !take(end) {
      guard values.isEmpty || hasComma else { throw failure("a comma is missing") }
      values.append(try value(depth: depth + 1))
      hasComma = take(UInt8(ascii: ","))
    }
    return (values, hasComma)
  }

  private mutating func entries(_ depth: Int) throws(Failure) -> [PickledValue.Entry] {
    var (entries, hasComma) = ([PickledValue.Entry](), true)
    while !take(UInt8(ascii: "}")) {
      guard hasComma else { throw failure("a comma is missing") }
      let key = try value(depth: depth + 1)
      guard take(UInt8(ascii: ":")) else { throw failure("a colon is missing") }
      entries.append(PickledValue.Entry(key, try value(depth: depth + 1)))
      hasComma = take(UInt8(ascii: ","))
    }
    return entries
  }

  private mutating func integer() throws(Failure) -> PickledValue {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    guard let value = Int(String(decoding: bytes[start..<position], as: UTF8.self)) else {
      position = start
      throw failure("no integer of 64 bits")
    }
    // As Python 2 writes long ones.
    if next == UInt8(ascii: "L") { position += 1 }
    if let byte = next, isLetter(byte) || byte == UInt8(ascii: ".") { throw failure("no integer") }
    return .integer(value)
  }

  private func isLetter(_ byte: UInt8) -> Bool {
    byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") || byte == UInt8(ascii: "_") || byte >= 0x80
  }

  private mutating func word() throws(Failure) -> PickledValue {
    let start = position
    while let byte = next, isLetter(byte) { position += 1 }
    switch String(decoding: bytes[start..<position], as: UTF8.self) {
    case "None": return .none
    case "True": return .bool(true)
    case "False": return .bool(false)
    case "u" where next == UInt8(ascii: "'") || next == UInt8(ascii: "\""): return try text()
    case "b" where next == UInt8(ascii: "'") || next == UInt8(ascii: "\""): return .bytes(try quoted(isText: false))
    default:
      position = start
      throw failure("something that is no value")
    }
  }

  private mutating func text() throws(Failure) -> PickledValue {
    let start = position
    guard let text = String(validating: try quoted(isText: true), as: UTF8.self) else {
      position = start
      throw failure("text that is no UTF-8")
    }
    return .string(text)
  }

  /// What is between quotes, with escapes replaced.
  private mutating func quoted(isText: Bool) throws(Failure) -> [UInt8] {
    let quote = bytes[position]
    position += 1
    var result: [UInt8] = []
    while let byte = next, byte != 0x0a {
      position += 1
      if byte == quote { return result }
      if byte == UInt8(ascii: "\\") { try escape(isText, &result) } else { result.append(byte) }
    }
    throw failure("a quote is missing")
  }

  private mutating func escape(_ isText: Bool, _ result: inout [UInt8]) throws(Failure) {
    guard let kind = next else { throw failure("a quote is missing") }
    position += 1
    switch kind {
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): result.append(kind)
    case UInt8(ascii: "n"): result.append(0x0a)
    case UInt8(ascii: "r"): result.append(0x0d)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "x"):
      let number = try hexadecimal(2)
      if isText { try append(number, &result) } else { result.append(UInt8(truncatingIfNeeded: number)) }
    case UInt8(ascii: "u") where isText: try append(try hexadecimal(4), &result)
    case UInt8(ascii: "U") where isText: try append(try hexadecimal(8), &result)
    default: throw failure("an escape that `repr` does not write")
    }
  }

  private mutating func append(_ number: UInt32, _ result: inout [UInt8]) throws(Failure) {
    guard let scalar = Unicode.Scalar(number) else { throw failure("no character") }
    result += UTF8.encode(scalar).map(Array.init) ?? []
  }

  private mutating func hexadecimal(_ count: Int) throws(Failure) -> UInt32 {
    let digits = bytes[position..<min(position + count, bytes.count)]
    let areDigits = digits.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
    guard digits.count == count, areDigits, let number = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw failure("no hexadecimal number") }
    position += count
    return number
  }
}
