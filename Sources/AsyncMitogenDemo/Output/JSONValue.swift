/// A value of a JSON document.
///
/// Members keep the order in which they are given, which is the order in which a person wants to read them.
enum JSONValue: Equatable, Sendable {
  case null
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  struct Member: Equatable, Sendable {
    let name: String
    let value: JSONValue
  }

  /// The value on one line.
  var line: String {
    var text = ""
    write(to: &text, indentation: nil)
    return text
  }

  /// The value on as many lines as it has parts.
  var document: String {
    var text = ""
    write(to: &text, indentation: "")
    return text + "\n"
  }

  private func write(to text: inout String, indentation: String?) {
    switch self {
    case .null: text += "null"
    case .integer(let value): text += String(value)
    // JSON has no infinity, and no number that is none.
    case .number(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): JSONValue.writeQuoted(value, to: &text)
    case .array(let values):
      JSONValue.writeList(values, between: ("[", "]"), to: &text, indentation: indentation) { value, text, inner in
        value.write(to: &text, indentation: inner)
      }
    case .object(let members):
      JSONValue.writeList(members, between: ("{", "}"), to: &text, indentation: indentation) { member, text, inner in
        JSONValue.writeQuoted(member.name, to: &text)
        text += inner == nil ? ":" : ": "
        member.value.write(to: &text, indentation: inner)
      }
    }
  }

  private static func writeList<Element>(
    _ elements: [Element], between brackets: (open: String, close: String), to text: inout String,
    indentation: String?, write: (Element, inout String, String?) -> Void
  ) {
    text += brackets.open
    let inner = indentation.map { $0 + "  " }
    for (index, element) in elements.enumerated() {
      if index > 0 { text += "," }
      if let inner { text += "\n" + inner }
      write(element, &text, inner)
    }
    if let indentation, !elements.isEmpty { text += "\n" + indentation }
    text += brackets.close
  }

  private static func writeQuoted(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

extension JSONValue: ExpressibleByDictionaryLiteral {
  /// Makes an object whose members have the literal's order.
  init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member(name: $0.0, value: $0.1) })
  }
}
