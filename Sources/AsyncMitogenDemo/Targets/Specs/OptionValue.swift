internal import AsyncMitogen

/// A value that can be given to an option of a hop.
protocol OptionValue: Sendable {
  /// What such a value is, for a person: it ends the sentence "is not …".
  static var expectation: String { get }
  /// Whether it is never to be shown.
  static var isSecret: Bool { get }
  /// Reads the value, whose text has been decoded.
  init?(optionText: String)
}

extension OptionValue {
  static var isSecret: Bool { false }
}

extension String: OptionValue {
  static var expectation: String { "text" }
  init?(optionText: String) { self = optionText }
}

extension Secret: OptionValue {
  static var expectation: String { "text" }
  static var isSecret: Bool { true }
  init?(optionText: String) { self.init(optionText) }
}

extension Bool: OptionValue {
  static var expectation: String { "true or false" }
  init?(optionText: String) { self.init(optionText) }
}

extension Int: OptionValue {
  static var expectation: String { "a number" }
  init?(optionText: String) {
    guard let number = Int(optionText), (0...999_999).contains(number) else { return nil }
    self = number
  }
}

extension Duration: OptionValue {
  static var expectation: String { "a number of seconds above 0" }
  init?(optionText: String) {
    guard let seconds = Double(optionText), seconds > 0, seconds <= 1_000_000 else { return nil }
    self = .seconds(seconds)
  }
}

extension PythonProgram: OptionValue {
  static var expectation: String { "the path or name of a program" }
  init?(optionText: String) {
    guard !optionText.isEmpty, !optionText.hasPrefix("-") else { return nil }
    self.init(optionText)
  }
}

extension HostKeyChecking: OptionValue {
  static var expectation: String { allCases.map(\.rawValue).joined(separator: ", ") }
  init?(optionText: String) { self.init(rawValue: optionText) }
}

extension SetnsConnection.Kind: OptionValue {
  static var expectation: String { allCases.map(\.rawValue).joined(separator: ", ") }
  init?(optionText: String) { self.init(rawValue: optionText) }
}
