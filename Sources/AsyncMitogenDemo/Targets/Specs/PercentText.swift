/// Text in which `%` and two digits stand for a byte, so that it can hold what means something to a spec.
enum PercentText {
  /// The text without any character that a spec could take for its own.
  static func encode(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if isPlain(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        for byte in String(scalar).utf8 {
          result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
      }
    }
    return result
  }

  /// The text that is meant.
  static func decode(_ text: Substring) throws(HopError) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
        throw HopError("'%' needs two digits from 0 to F behind it: write %25 for a percent sign")
      }
      bytes.append(high << 4 | low)
    }
    // What ends a string in C would hide the rest of the text from the system.
    guard !bytes.contains(0), let result = String(validating: bytes, as: UTF8.self) else {
      throw HopError("what is behind a '%' is not text in UTF-8")
    }
    return result
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~", ",", "+": true
    case _ where scalar.value < 0x80: false
    // Letters of all the world, but nothing that cannot be seen.
    default: !scalar.properties.isWhitespace && !scalar.isInvisible
    }
  }

  /// The text with a mark in place of what cannot be seen, and could do something to a terminal.
  static func visible(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: \.isInvisible) else { return text }
    return text.unicodeScalars.map { $0.isInvisible ? "\u{FFFD}" : String($0) }.joined()
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isInvisible: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
