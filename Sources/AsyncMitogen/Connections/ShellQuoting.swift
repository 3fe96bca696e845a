/// Words as a shell reads them.
enum ShellQuoting {
  /// One word, in single quotes if it holds anything that some shell might take for more than text.
  static func quote(_ word: String) -> String {
    guard word.isEmpty || !word.utf8.allSatisfy(isPlain) else { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'"'"'"#) + "'"
  }

  /// A command line in one string.
  static func join(_ words: [String]) -> String { words.map(quote).joined(separator: " ") }

  /// The bytes that mean nothing to any shell.
  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "@%+=:,./-_".utf8.contains(byte)
    }
  }
}
