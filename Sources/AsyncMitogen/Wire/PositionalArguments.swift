/// Which parameters of a function arguments without names fill, as Python binds them.
///
/// Its parameters are the keys that decoding asks for, in the order in which they are first asked for. Arguments without
/// names fill them from the left, whatever is given by name: a parameter that is given both ways is a mistake.
struct PositionalBinding {
  private let given: Int
  private var positions: [String: Int] = [:]
  private var conflict: String?

  /// - Parameter given: How many arguments have no name.
  init(given: Int) { self.given = given }

  /// Which of the arguments a parameter gets; nil if it gets none of them.
  ///
  /// - Parameter isNamed: Whether it is given by name.
  mutating func position(of parameter: String, isNamed: Bool) -> Int? {
    let position = positions[parameter] ?? positions.count
    positions[parameter] = position
    guard position < given else { return nil }
    if isNamed, conflict == nil { conflict = parameter }
    return position
  }

  /// What is wrong with the arguments, in Python's words; nil if nothing is.
  ///
  /// - Parameter isComplete: Whether all parameters have been asked for.
  func mistake(isComplete: Bool) -> String? {
    if let conflict { return "got multiple values for argument '\(conflict)'" }
    let taken = positions.count
    guard isComplete, given > taken else { return nil }
    let ending = taken == 1 ? "" : "s"
    return "takes \(taken) positional argument\(ending) but \(given) \(given == 1 ? "was" : "were") given"
  }
}

/// The arguments of a call that have no names, while the function is decoded from them and from those that have.
final class PositionalArguments {
  private let values: Unpickled.Node
  private var binding: PositionalBinding

  /// Takes a list or tuple; nil if it has no elements.
  init?(_ values: Unpickled.Node) {
    guard values.isSequence, values.count > 0 else { return nil }
    self.values = values
    binding = PositionalBinding(given: values.count)
  }

  /// What a parameter gets of them; nil if it gets nothing.
  func value(for parameter: String, isNamed: Bool) -> Unpickled.Node? {
    binding.position(of: parameter, isNamed: isNamed).map { values.element($0) }
  }

  /// Checks, after decoding, that each argument has gone to a parameter of its own.
  ///
  /// - Parameter isComplete: Whether decoding has succeeded.
  func check(function: String, isComplete: Bool) throws(ArgumentError) {
    guard let mistake = binding.mistake(isComplete: isComplete) else { return }
    throw ArgumentError(description: "\(function) \(mistake)")
  }
}

/// The arguments of a call are not those of the function: Python's `TypeError`.
struct ArgumentError: Error, CustomStringConvertible {
  let description: String
}
