/// What is wrong with one hop of a spec; it does not say which.
struct HopError: Error, Equatable {
  let message: String

  init(_ message: String) { self.message = message }
}

/// What is wrong with a spec: one line, in which passwords are masked.
struct TargetSpecError: Error, Equatable, CustomStringConvertible {
  let description: String

  /// Makes an error of a whole spec, or of one of its hops, counted from 1.
  init(spec: String, hop: (number: Int, text: String)? = nil, _ message: String) {
    let place = hop.map { "hop \($0.number) '\($0.text)': " } ?? ""
    // Whatever somebody has typed: an error takes one line, and does nothing to a terminal.
    description = PercentText.visible("target '\(spec)': \(place)\(message)")
  }
}
