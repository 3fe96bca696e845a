/// Finds types by the names that people write: module, enclosing types and type, with dots between.
enum NamedType {
  /// How deep a type may be nested, and how long each name may be, in bytes.
  private static let depthLimit = 6
  private static let nameLimit = 512

  /// The type with a name, if `accept` takes it; nil if this program has none.
  ///
  /// A mangled name says of each type whether it is a structure, an enumeration or a class: all are tried.
  static func find<Found>(_ name: String, where accept: (Any.Type) -> Found?) -> Found? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts.count <= depthLimit + 1, parts.allSatisfy(isIdentifier) else { return nil }
    var candidates = ["\(parts[0].utf8.count)\(parts[0])"]
    for part in parts.dropFirst() {
      candidates = candidates.flatMap { prefix in ["V", "O", "C"].map { "\(prefix)\(part.utf8.count)\(part)\($0)" } }
    }
    for candidate in candidates {
      if let type = _typeByName(candidate), let found = accept(type) { return found }
    }
    return nil
  }

  private static func isIdentifier(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, name.utf8.count < nameLimit else { return false }
    let isDigit = first >= 0x30 && first <= 0x39
    return !isDigit
      && name.utf8.allSatisfy {
        $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x41 && $0 <= 0x5a || $0 >= 0x61 && $0 <= 0x7a || $0 == 0x5f
      }
  }
}
