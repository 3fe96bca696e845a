/// What arguments for sudo say, as far as a connection can use it.
struct SudoArguments: Sendable, Hashable {
  private(set) var preserveEnvironment = false
  private(set) var setHome = false
  private(set) var login = false
  private(set) var role: String?
  private(set) var type: String?
  private(set) var username: String?

  private enum Option: CaseIterable {
    case preserveEnvironment, setHome, login, role, type, standardInput, nonInteractive, user

    var short: Character {
      switch self {
      case .preserveEnvironment: "E"
      case .setHome: "H"
      case .login: "i"
      case .role: "r"
      case .type: "t"
      case .standardInput: "S"
      case .nonInteractive: "n"
      case .user: "u"
      }
    }

    var long: String {
      switch self {
      case .preserveEnvironment: "--preserve-env"
      case .setHome: "--set-home"
      case .login: "--login"
      case .role: "--role"
      case .type: "--type"
      case .standardInput: "--stdin"
      case .nonInteractive: "--non-interactive"
      case .user: "--user"
      }
    }

    var takesValue: Bool { self == .role || self == .type || self == .user }
  }

  /// Reads arguments.
  ///
  /// - Throws: ``StreamError`` if there is something among them that a connection does not know.
  init(parsing arguments: [String]) throws {
    var rest = arguments[...]
    var words: [String] = []
    while let argument = rest.popFirst() {
      if argument == "--" {
        words += rest
        break
      } else if argument == "-h" || argument == "--help" {
        throw StreamError("sudo: unsupported option")
      } else if argument.hasPrefix("--") {
        try parseLong(argument, &rest)
      } else if argument.hasPrefix("-"), argument != "-" {
        try parseShort(argument, &rest)
      } else {
        words.append(argument)
      }
    }
    guard words.isEmpty else { throw StreamError("unsupported sudo arguments:" + PythonText.list(words)) }
  }

  /// `--user name` or `--user=name`; names may be shortened as long as it is clear which is meant.
  private mutating func parseLong(_ argument: String, _ rest: inout ArraySlice<String>) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let exact = Option.allCases.filter { $0.long == parts[0] }
    let found = exact.isEmpty ? Option.allCases.filter { $0.long.hasPrefix(parts[0]) } : exact
    guard found.count == 1, let option = found.first else { throw StreamError("sudo: no such option: \(parts[0])") }
    guard option.takesValue else {
      guard parts.count == 1 else { throw StreamError("sudo: \(option.long) option does not take a value") }
      return set(option, "")
    }
    guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
      throw StreamError("sudo: \(option.long) option requires 1 argument")
    }
    set(option, value)
  }

  /// `-u name`, `-uname`, or several that take no value: `-EH`.
  private mutating func parseShort(_ argument: String, _ rest: inout ArraySlice<String>) throws {
    var letters = argument.dropFirst()
    while let letter = letters.popFirst() {
      guard letter != "h" else { throw StreamError("sudo: unsupported option") }
      guard let option = Option.allCases.first(where: { $0.short == letter }) else {
        throw StreamError("sudo: no such option: -\(letter)")
      }
      guard option.takesValue else {
        set(option, "")
        continue
      }
      guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
        throw StreamError("sudo: -\(letter) option requires 1 argument")
      }
      return set(option, value)
    }
  }

  private mutating func set(_ option: Option, _ value: String) {
    switch option {
    case .preserveEnvironment: preserveEnvironment = true
    case .setHome: setHome = true
    case .login: login = true
    case .role: role = value
    case .type: type = value
    case .user: username = value
    // Both are about how sudo asks, which is decided already.
    case .standardInput, .nonInteractive: break
    }
  }
}
