/// A command line for `sudo -i`, which puts a backslash before every character that is no letter and no digit, but lets the
/// account's shell expand what begins with a dollar sign.
enum LoginShellWords {
  /// Words that mean the same as `boot`, and hold nothing that is expanded or lost on the way.
  static func carrying(_ boot: [String]) -> [String] {
    guard boot.contains(where: { !$0.utf8.allSatisfy(passes) }) else { return boot }
    return ["sh", "-c", "eval \"`printf '\(encoded("exec " + ShellQuoting.join(boot)))'`\""]
  }

  /// A text as `printf` makes it of its first argument: what is not plain is written in octal digits.
  static func encoded(_ text: String) -> String {
    var result: [UInt8] = []
    for byte in text.utf8 {
      if passes(byte), !special.contains(byte) {
        result.append(byte)
      } else {
        result.append(UInt8(ascii: "\\"))
        for shift in [6, 3, 0] { result.append(UInt8(ascii: "0") + (byte >> UInt8(shift)) & 7) }
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// What means something to `printf`, within single quotes or within backquotes.
  private static let special = Array(#"%'"`\"#.utf8)

  /// Not a dollar sign, nor what a backslash does not protect: a newline, which vanishes behind it, and parts of
  /// characters, which some shells take for one each.
  private static func passes(_ byte: UInt8) -> Bool { byte != UInt8(ascii: "$") && (0x20..<0x7f).contains(byte) }
}
