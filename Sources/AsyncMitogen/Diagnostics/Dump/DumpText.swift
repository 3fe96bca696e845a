/// The text of a dump: headings, and below each what it is about, a line each. Pure.
struct DumpText: Sendable {
  /// How many lines one heading may have below it; of further ones only the number is written.
  static let sectionLimit = 1_000

  private(set) var text = ""

  /// Adds a line that is not below a heading.
  mutating func title(_ line: String) { text += DumpText.printable(line) + "\n" }

  /// Adds a heading and its lines; without lines it says that there are none.
  mutating func section(_ heading: String, _ lines: [String]) {
    text += "  \(heading):" + (lines.isEmpty ? " none\n" : "\n")
    for line in lines.prefix(DumpText.sectionLimit) { text += "    " + DumpText.printable(line) + "\n" }
    if lines.count > DumpText.sectionLimit { text += "    and \(lines.count - DumpText.sectionLimit) more\n" }
  }

  /// Names come from other contexts: nothing in them may move a cursor, or look like a line of its own.
  static func printable(_ line: String) -> String {
    guard line.unicodeScalars.contains(where: { isControl($0) }) else { return line }
    var scalars = String.UnicodeScalarView()
    for scalar in line.unicodeScalars { scalars.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
    return String(scalars)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value
  }

  /// A time span in seconds with milliseconds: `3.250 s`.
  static func seconds(_ nanoseconds: UInt64) -> String {
    let milliseconds = nanoseconds / 1_000_000
    let fraction = String(milliseconds % 1_000)
    return "\(milliseconds / 1_000)." + String(repeating: "0", count: 3 - fraction.count) + fraction + " s"
  }

  /// How long something has been waiting, and how long it still will.
  static func wait(since: UInt64, deadline: UInt64, now: UInt64) -> String {
    let age = "for \(seconds(now > since ? now - since : 0))"
    guard deadline != .max else { return age + ", without a deadline" }
    return deadline > now ? age + ", gives up in \(seconds(deadline - now))" : age + ", its time is up"
  }
}

extension Handle {
  /// What it is for, if it is one of those that have a meaning of their own.
  var meaning: String? {
    switch self {
    case .getModule: "GET_MODULE"
    case .callFunction: "CALL_FUNCTION"
    case .forwardLog: "FORWARD_LOG"
    case .addRoute: "ADD_ROUTE"
    case .deleteRoute: "DEL_ROUTE"
    case .allocateID: "ALLOCATE_ID"
    case .shutdown: "SHUTDOWN"
    case .loadModule: "LOAD_MODULE"
    case .forwardModule: "FORWARD_MODULE"
    case .detaching: "DETACHING"
    case .callService: "CALL_SERVICE"
    case .getResource: "GET_RESOURCE"
    case .loadResource: "LOAD_RESOURCE"
    case .capabilities: "capabilities"
    case .cancelCall: "cancel a call"
    case .printed: "printed"
    case .keepAlive: "keep-alive"
    case .tracedCall: "CALL_FUNCTION, traced"
    case .tracedService: "CALL_SERVICE, traced"
    case .diagnostics: "diagnostics"
    default: nil
    }
  }
}
