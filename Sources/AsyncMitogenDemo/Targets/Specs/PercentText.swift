/// Text in which `%` and two digits stand for a byte, so that it can hold what means something to a spec.
enum PercentText {
  /// The text without any character that a spec could take for its own.
  static func encode(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar.value >= 0x80 && !scalar.properties.isWhitespace || isPlain(scalar) {
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
    default: false
    }
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
