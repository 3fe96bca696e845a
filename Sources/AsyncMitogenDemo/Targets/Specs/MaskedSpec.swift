/// Makes specs fit to be shown, also those that make no sense: a password may stand where none belongs.
enum MaskedSpec {
  /// What stands in place of a secret.
  static let mask = "***"
  /// The options whose values anybody may see. One that is not known may be a secret one, mistyped.
  private static let open: Set<String> = Set(
    HopMethod.allCases.flatMap { $0.syntax.options }.filter { !$0.isSecret }.map(\.name))

  /// The whole text of a spec, masked.
  static func mask(_ text: String) -> String {
    PercentText.visible(mask(hops: SpecHops.split(text)).joined(separator: "/"))
  }

  /// The texts of a spec's hops, masked.
  static func mask(hops: [Substring]) -> [String] {
    var follows = false
    return hops.map { hop in
      // Behind a secret that holds a slash comes the rest of it.
      if follows, !SpecHops.begins(hop) { return mask }
      let masked = mask(hop: hop)
      follows = masked.endsInSecret
      return masked.text
    }
  }

  private static func mask(hop: Substring) -> (text: String, endsInSecret: Bool) {
    let query = hop.firstIndex(of: "?") ?? hop.endIndex
    var text = mask(head: hop[..<query])
    guard query < hop.endIndex else { return (text, false) }
    var endsInSecret = false
    let pieces = hop[query...].dropFirst().split(separator: "&", omittingEmptySubsequences: false).map { piece in
      guard let equals = piece.firstIndex(of: "=") else {
        // Perhaps what is behind a '&' in a secret.
        return endsInSecret ? mask : String(piece)
      }
      endsInSecret = !open.contains(String(piece[..<equals]))
      return endsInSecret ? String(piece[...equals]) + mask : String(piece)
    }
    text += "?" + pieces.joined(separator: "&")
    return (text, endsInSecret)
  }

  /// `user:password@host` is no spec, and is typed all the same.
  private static func mask(head: Substring) -> String {
    let argument = head.firstIndex(of: ":").map { head[head.index(after: $0)...] } ?? ""
    guard let at = argument.lastIndex(of: "@"), let colon = argument[..<at].firstIndex(of: ":") else {
      return String(head)
    }
    return String(head[...colon]) + mask + String(head[at...])
  }
}
