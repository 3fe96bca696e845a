/// How a piece of text looks on a terminal.
enum Style: Equatable, Sendable {
  case bold
  case dim
  /// One of a few colours that are legible on light and dark; numbers beyond them begin again.
  case colour(Int)

  /// The text, with what turns the style on and off around it.
  func apply(_ text: String) -> String { "\u{1B}[\(code)m\(text)\u{1B}[0m" }

  private var code: String {
    switch self {
    case .bold: "1"
    case .dim: "2"
    case .colour(let number): Style.colours[number % Style.colours.count]
    }
  }

  private static let colours = ["36", "33", "32", "35", "34", "31", "96", "93", "92", "95", "94", "91"]
}

extension String {
  /// This text in a style if it goes where styles are seen.
  func styled(_ style: Style, on stream: StandardStream) -> String {
    stream.isDecorated ? style.apply(self) : self
  }
}
