import Glibc

/// A program of Tests/Stubs under a name of its own, with what it is told by and says of itself.
struct StubProgram: Sendable {
  private let place: Scratch
  private let name: String

  /// A link to the stub: a program that is being written could not be started while others start theirs.
  init(_ name: String, _ settings: [String: String] = [:]) throws {
    place = try Scratch()
    self.name = name
    try place.write(
      Array(settings.map { "\($0.key)=\(ShellCommand.quoted($0.value))\n" }.joined().utf8), name + ".told")
    guard unsafe symlink(Place.package + "/Tests/Stubs/" + name, place.path(name)) == 0 else {
      throw ShellCommand.NotStarted(line: name)
    }
  }

  var path: String { place.path(name) }

  /// What it was started with last, up to the first stage.
  var words: [String] {
    let words = (Facts.read(path + ".words") ?? "").split(separator: "\n").map(String.init)
    let start = words.indices.first { index in
      let word = words[index]
      return word == "sh" || word.hasPrefix("exec sh ") || word == "exec" && words.dropFirst(index + 1).first == "sh"
    }
    return Array(words[..<(start ?? words.endIndex)])
  }

  /// Whether what it was to run was the first stage, in words of its own or as one, also as a log-in shell is given it.
  var isGivenFirstStage: Bool {
    let words = Facts.read(path + ".words") ?? ""
    return ["echo \"MITO$K fail $e\"", #"echo \042MITO\044K fail \044e\042"#].contains(where: words.contains)
  }

  /// Whether its errors went to a terminal.
  var hasTerminal: Bool { Facts.read(path + ".terminal") == "terminal\n" }
}
