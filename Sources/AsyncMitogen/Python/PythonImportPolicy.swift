/// Which modules are served to Python contexts. Mitogen's `ImportPolicy`. Pure.
struct PythonImportPolicy: Sendable {
  /// Always served, and if there are any nothing else is.
  let overrides: Set<String>
  /// Never served.
  let blocks: Set<String>

  /// What every Python has, or what no Python that asks for it needs.
  private static let always: Set<String> = ["builtins", "__builtin__", "msvcrt", "thread", "org", "cStringIO"]

  init(overrides: [String] = [], blocks: [String] = []) {
    // Without Mitogen itself there would be no Python context to serve anything to.
    self.overrides = overrides.isEmpty ? [] : Set(overrides + ["mitogen"])
    self.blocks = Set(blocks)
  }

  /// Whether a module may be served.
  func allows(_ name: String) -> Bool {
    let lineage = PythonModuleName.lineage(of: name)
    return (overrides.isEmpty || lineage.contains(where: overrides.contains))
      && !lineage.contains { blocks.contains($0) || PythonImportPolicy.always.contains($0) }
  }
}

/// Names of Python modules.
enum PythonModuleName {
  /// How long one may be.
  static let limit = 1_024

  /// The packages around a module, the outermost first, and the module.
  static func lineage(of name: String) -> [String] {
    var lineage: [String] = []
    for part in name.split(separator: "." as Character, omittingEmptySubsequences: false) {
      lineage.append((lineage.last.map { $0 + "." } ?? "") + part)
    }
    return lineage
  }

  /// The name in a message; nil if it can be none.
  static func read(_ payload: some Collection<UInt8>) -> String? {
    guard !payload.isEmpty, payload.count <= limit, let name = String(validating: payload, as: UTF8.self) else {
      return nil
    }
    let isName = name.split(separator: "." as Character, omittingEmptySubsequences: false).allSatisfy { part in
      // Identifiers may be of letters of any language: what is below 128 is looked at.
      !part.isEmpty
        && part.utf8.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
          case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...: true
          default: false
          }
        }
    }
    return isName ? name : nil
  }
}
