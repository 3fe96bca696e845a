/// Finds the hops in the text of a spec.
///
/// Hops are separated by slashes. In the value of an option that is a path, a slash belongs to the path unless a method
/// follows it with a `:` or a `?`: nobody wants to write `~%2F.ssh%2Fid`.
enum SpecHops {
  private static let pathOptions: Set<String> = Set(
    HopMethod.allCases.flatMap { $0.syntax.options }.filter(\.holdsPaths).map(\.name))

  /// The texts of the hops; one that is empty if the text is.
  static func split(_ text: String) -> [Substring] {
    var starts = [text.startIndex]
    var rest = text[...]
    while let slash = rest.firstIndex(of: "/") {
      rest = text[text.index(after: slash)...]
      let hop = text[(starts.last ?? text.startIndex)..<slash]
      if openPath(of: hop) == nil || isMarked(rest) { starts.append(rest.startIndex) }
    }
    let ends = starts.dropFirst().map { text.index(before: $0) } + [text.endIndex]
    return zip(starts, ends).map { text[$0..<$1] }
  }

  /// Whether a text can be nothing but the beginning of a hop.
  static func begins(_ text: Substring) -> Bool {
    isMarked(text) || HopMethod(rawValue: String(text.prefix { $0 != "/" }))?.standsAlone == true
  }

  /// Refuses a hop whose path ends like another hop: nobody can know which is meant.
  static func checkPaths(of hop: Substring) throws(HopError) {
    guard let query = hop.firstIndex(of: "?") else { return }
    for piece in hop[query...].dropFirst().split(separator: "&") {
      guard let name = openPath(of: hop[..<query] + "?" + piece), let slash = piece.lastIndex(of: "/") else { continue }
      let last = piece[slash...].dropFirst()
      guard HopMethod(rawValue: String(last))?.standsAlone == true, name != "\(last)_path" else { continue }
      throw HopError("is '\(last)' the end of \(name), or a hop? Write '%2F\(last)' or '/\(last):'")
    }
  }

  /// The name of the option that a hop ends in the value of, if that is a path.
  private static func openPath(of hop: some StringProtocol) -> String? {
    guard let query = hop.firstIndex(of: "?") else { return nil }
    let piece = hop[query...].dropFirst().split(separator: "&", omittingEmptySubsequences: false).last
    guard let piece, let equals = piece.firstIndex(of: "=") else { return nil }
    let name = String(piece[..<equals])
    return pathOptions.contains(name) ? name : nil
  }

  /// Whether a text begins with a method and the mark of its argument or options.
  private static func isMarked(_ text: Substring) -> Bool {
    guard let mark = text.firstIndex(where: { ":?/".contains($0) }), text[mark] != "/" else { return false }
    return HopMethod(rawValue: String(text[..<mark])) != nil
  }
}
