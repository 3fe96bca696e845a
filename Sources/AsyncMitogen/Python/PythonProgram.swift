/// A Python interpreter that is to become a context: what is started in place of this program, wherever that is.
///
/// Mitogen's `python_path`. A literal does: `router.local(python: "python3")`. Any version that the Mitogen beside the
/// master knows how to run on will do.
public struct PythonProgram: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
  /// The interpreter, a path or a name that is looked for in PATH; in front of it may stand what starts it.
  public var words: [String]

  /// Makes a program from the words of a command line: `["/usr/bin/env", "python3"]`.
  public init(words: [String]) { self.words = words }

  /// Makes a program from a path or name.
  public init(_ path: String) { words = [path] }

  /// Makes a program from a path or name.
  public init(stringLiteral path: String) { words = [path] }

  /// Makes a program from the words of a command line.
  public init(arrayLiteral words: String...) { self.words = words }
}

extension PythonProgram: Codable {
  /// Reads a path, or a list of words.
  public init(from decoder: any Decoder) throws {
    if let path = try? decoder.singleValueContainer().decode(String.self) {
      words = [path]
    } else {
      words = try [String](from: decoder)
    }
  }

  /// Writes a path, or if there are more words a list.
  public func encode(to encoder: any Encoder) throws {
    guard words.count == 1 else { return try words.encode(to: encoder) }
    try words[0].encode(to: encoder)
  }
}
