/// Values as Python prints them, where Mitogen has such texts in names and messages.
enum PythonText {
  /// `['a', 'b']`.
  static func list(_ elements: [String]) -> String { "[" + elements.map(quoted).joined(separator: ", ") + "]" }

  private static func quoted(_ text: String) -> String {
    let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for character in text {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case quote: result += "\\" + String(quote)
      default: result.append(character)
      }
    }
    return result + String(quote)
  }
}
