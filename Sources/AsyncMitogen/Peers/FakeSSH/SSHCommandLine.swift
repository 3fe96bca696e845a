/// What programs ask of `ssh`: OpenSSH's command line, as far as it has a meaning where the other side is a context. Pure.
///
/// Where to connect, as whom and how is known already: what says so is read over.
enum SSHCommandLine: Equatable, Sendable {
  /// Words for the shell of the other side, which may be no text.
  case command([UInt8], readsNothing: Bool)
  /// A service of the other side, such as `sftp`.
  case subsystem(String, readsNothing: Bool)
  /// Only who it is.
  case version

  /// What cannot be done, for a person.
  struct Refusal: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// The options of OpenSSH that a value belongs to, behind the letter or in the next word.
  private static let valued = Set("BbcDEeFIiJLlmOoPpQRSWw".utf8)
  /// Those that stand alone.
  private static let alone = Set("1246AaCfGgKkMNnqsTtVvXxYy".utf8)

  /// Reads a command line without the program's own name.
  ///
  /// - Parameter limit: How long a command may be, in bytes.
  static func parse(_ words: [[UInt8]], limit: Int) throws(Refusal) -> SSHCommandLine {
    var reader = Reader(words)
    try reader.readOptions()
    if reader.wantsVersion { return .version }
    guard let host = reader.next() else { throw Refusal("Missing hostname") }
    guard !host.isEmpty, host.first != UInt8(ascii: "-") else {
      throw Refusal("hostname contains invalid characters")
    }
    // Options may also stand behind the host, unless it was said that there are none.
    if !reader.isTerminated { try reader.readOptions() }
    if reader.wantsVersion { return .version }
    let command = Array(reader.rest.joined(separator: [UInt8(ascii: " ")]))
    guard !command.isEmpty else {
      throw Refusal(
        reader.isSubsystem
          ? "there is no subsystem specified" : "login mode not supported and no command specified")
    }
    guard command.count <= limit else {
      throw Refusal("the command has \(command.count) bytes, of which there may be \(limit)")
    }
    return reader.isSubsystem
      ? .subsystem(String(decoding: command, as: UTF8.self), readsNothing: reader.readsNothing)
      : .command(command, readsNothing: reader.readsNothing)
  }

  private struct Reader {
    private let words: [[UInt8]]
    private var position = 0
    private(set) var isSubsystem = false
    private(set) var readsNothing = false
    private(set) var wantsVersion = false
    /// Whether `--` has been read.
    private(set) var isTerminated = false

    init(_ words: [[UInt8]]) { self.words = words }

    var rest: ArraySlice<[UInt8]> { words[position...] }

    mutating func next() -> [UInt8]? {
      guard position < words.count else { return nil }
      position += 1
      return words[position - 1]
    }

    /// Reads options until a word that is none.
    mutating func readOptions() throws(Refusal) {
      while position < words.count, words[position].count > 1, words[position][0] == UInt8(ascii: "-") {
        let word = words[position]
        position += 1
        if word == Array("--".utf8) {
          isTerminated = true
          return
        }
        try readLetters(word.dropFirst())
      }
    }

    private mutating func readLetters(_ letters: ArraySlice<UInt8>) throws(Refusal) {
      for index in letters.indices {
        let letter = letters[index]
        if valued.contains(letter) {
          let value = letters[(index + 1)...]
          guard !value.isEmpty || position < words.count else {
            throw Refusal("option requires an argument -- \(Character(UnicodeScalar(letter)))")
          }
          return try take(letter, value.isEmpty ? next() ?? [] : Array(value))
        }
        try take(letter)
      }
    }

    private mutating func take(_ letter: UInt8) throws(Refusal) {
      guard alone.contains(letter) else {
        throw Refusal("unknown option -- \(String(decoding: [letter], as: UTF8.self))")
      }
      switch letter {
      case UInt8(ascii: "s"): isSubsystem = true
      case UInt8(ascii: "n"): readsNothing = true
      case UInt8(ascii: "V"): wantsVersion = true
      case UInt8(ascii: "t"): throw Refusal("-t: there are no terminals")
      case UInt8(ascii: "f"): throw Refusal("-f: it cannot go to the background")
      case UInt8(ascii: "N"): throw Refusal("-N: there is nothing to do without a command")
      case UInt8(ascii: "M"): throw Refusal("-M: there is no connection to share")
      case UInt8(ascii: "G"): throw Refusal("-G: there is no configuration to print")
      // How to log in, what to print, protocols, forwardings of agent and screen: none of it is needed, or there.
      default: break
      }
    }

    private func take(_ letter: UInt8, _ value: [UInt8]) throws(Refusal) {
      switch letter {
      case UInt8(ascii: "L"), UInt8(ascii: "R"), UInt8(ascii: "D"), UInt8(ascii: "W"), UInt8(ascii: "w"):
        throw Refusal("-\(Character(UnicodeScalar(letter))): nothing is forwarded")
      case UInt8(ascii: "O"): throw Refusal("-O: there is no connection to share")
      case UInt8(ascii: "Q"): throw Refusal("-Q: there are no algorithms to list")
      case UInt8(ascii: "o"): try takeSetting(String(decoding: value, as: UTF8.self).lowercased())
      // Names, ports, keys, files, addresses: this is no connection.
      default: break
      }
    }

    /// `name=value` or `name value`; only what would change what is run has a meaning.
    private func takeSetting(_ setting: String) throws(Refusal) {
      let parts = setting.split(maxSplits: 1) { $0 == "=" || $0 == " " }
      guard parts.count == 2 else {
        if setting.isEmpty || parts.count > 1 { throw Refusal("-o: an empty setting") }
        throw Refusal("-o \(setting): it has no value")
      }
      let value = parts[1].drop { $0 == " " || $0 == "=" }
      switch parts[0] {
      case "requesttty" where value == "yes" || value == "force": throw Refusal("-o \(setting): there are no terminals")
      case "remotecommand" where value != "none": throw Refusal("-o \(setting): say the command behind the host")
      default: break
      }
    }
  }
}
