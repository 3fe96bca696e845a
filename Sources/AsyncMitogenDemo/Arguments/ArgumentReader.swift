/// Takes options from the front of a list of arguments.
struct ArgumentReader {
  private var rest: ArraySlice<String>
  /// The command whose options they are: errors point to its help.
  private let command: String

  init(_ arguments: ArraySlice<String>, of command: String) {
    rest = arguments
    self.command = command
  }

  /// One option, or the first argument that is none.
  enum Item: Equatable {
    /// A name with its dashes, and what stood behind its equals sign.
    case option(name: String, attachedValue: String?)
    case operand(String)
    /// `--`: options end here.
    case separator
  }

  /// Takes the next argument; nil if there is none.
  mutating func next() -> Item? {
    guard let argument = rest.popFirst() else { return nil }
    if argument == "--" { return .separator }
    guard argument.hasPrefix("-"), argument != "-" else { return .operand(argument) }
    guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") else {
      return .option(name: argument, attachedValue: nil)
    }
    return .option(
      name: String(argument[..<equals]), attachedValue: String(argument[argument.index(after: equals)...]))
  }

  /// Takes everything that is left.
  mutating func remainder() -> [String] {
    defer { rest = [] }
    return Array(rest)
  }

  /// The number that belongs to an option: attached to it, or the next argument.
  mutating func number(
    of name: String, attached: String?, in range: ClosedRange<Int>
  ) throws(UsageError) -> Int {
    guard let text = attached ?? rest.popFirst() else {
      throw UsageError("\(name) needs a number from \(range.lowerBound) to \(range.upperBound)")
    }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError("\(name): '\(text)' is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The number of seconds that belongs to an option; it may have decimals.
  mutating func seconds(
    of name: String, attached: String?, in range: ClosedRange<Double>
  ) throws(UsageError) -> Duration {
    let expected =
      "a number of seconds from \(HumanText.plain(range.lowerBound)) to \(HumanText.plain(range.upperBound))"
    guard let text = attached ?? rest.popFirst() else { throw UsageError("\(name) needs \(expected)") }
    guard let number = Double(text), range.contains(number) else {
      throw UsageError("\(name): '\(text)' is not \(expected)")
    }
    return .seconds(number)
  }

  /// The text that belongs to an option.
  mutating func text(of name: String, attached: String?, _ expected: String) throws(UsageError) -> String {
    guard let text = attached ?? rest.popFirst(), !text.isEmpty else { throw UsageError("\(name) needs \(expected)") }
    return text
  }

  /// What to throw for an argument that means nothing here.
  func unexpected(_ item: Item) -> UsageError {
    let hint = "(see '\(Program.name) \(command) --help')"
    return switch item {
    case .option(let name, _): UsageError("\(command) has no option '\(name)' \(hint)")
    case .operand(let text): UsageError("\(command) takes no argument '\(text)' \(hint)")
    case .separator: UsageError("\(command) takes no arguments after '--' \(hint)")
    }
  }
}
