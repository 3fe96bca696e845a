/// What files that are fetched from several targets are called: by their targets, each another name. Pure.
enum FetchPaths {
  /// How long a name may be: there has to be room for what stands around it until the file is complete.
  private static let lengthLimit = 200

  /// A name in a directory for each target, in their order: the same for the same targets.
  ///
  /// What is not a letter, a digit or one of `-._@+=,` becomes `_`, so that a name is one in any shell and for any
  /// program. Where two would have one name, the later ones get numbers.
  static func names(of targets: [String]) -> [String] {
    var taken: Set<String> = []
    return targets.map { target in
      let safe = name(of: target)
      var name = safe
      var number = 2
      while !taken.insert(name).inserted {
        name = "\(safe)~\(number)"
        number += 1
      }
      return name
    }
  }

  private static func name(of target: String) -> String {
    let name = target.unicodeScalars.prefix(lengthLimit).map { scalar in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "@", "+", "=", ",": String(scalar)
      default: "_"
      }
    }.joined()
    // No hidden file, no option of a program, and neither `.` nor `..`.
    return name.hasPrefix(".") || name.hasPrefix("-") || name.isEmpty ? "_" + name : name
  }
}
