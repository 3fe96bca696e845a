/// Reads a list of targets: a spec a line. Blank lines count for nothing, nor does what follows a `#` at the beginning
/// of a line or behind a blank.
enum Inventory {
  /// The targets in the text of a file.
  ///
  /// - Parameter name: What the file is called in errors.
  static func targets(in text: String, of name: String) throws(UsageError) -> [TargetSpec] {
    var targets: [TargetSpec] = []
    // A file from elsewhere may end its lines with carriage returns too: to Swift, the two are one character.
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let words = withoutComment(line).split(whereSeparator: \.isWhitespace)
      guard let spec = words.first else { continue }
      let place = "\(name), line \(index + 1)"
      guard words.count == 1 else {
        throw UsageError("\(place): there is more than a target; a blank in one is written %20")
      }
      do {
        targets.append(try TargetSpec(parsing: String(spec)))
      } catch {
        throw UsageError("\(place): \(error)")
      }
    }
    return targets
  }

  private static func withoutComment(_ line: Substring) -> Substring {
    var isComment = true
    for index in line.indices {
      if line[index] == "#", isComment { return line[..<index] }
      isComment = line[index].isWhitespace
    }
    return line
  }
}
