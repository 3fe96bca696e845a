/// Where a master finds what it serves to Python contexts: Mitogen itself, and the modules that they import.
///
/// A Python beside the master is asked, in a process of its own that is started with the first Python context and ends
/// with the router. It looks for modules and reads them, and executes none of them. Mitogen's `ModuleResponder` and
/// `ImportPolicy`.
public struct PythonInstallation: Sendable {
  /// The interpreter beside the master, 3.6 or newer, with the package `mitogen`: `python3` by default.
  public var interpreter: PythonProgram
  /// Directories in which modules are looked for before the interpreter's own places, such as PYTHONPATH; none by default.
  public var searchPath: [String]
  /// The script that is `__main__` to Python contexts, up to its `if __name__ == "__main__":`; none by default, for the
  /// main program is in Swift.
  public var mainModule: String?
  /// Modules, and packages with all below them, that are always served by the master, even where there are local ones;
  /// if there are any, only those are served. Mitogen's `whitelist_prefix`.
  public var allowed: [String]
  /// Modules and packages that are never served. Mitogen's `blacklist_prefix`.
  public var blocked: [String]

  /// Describes an installation.
  public init(
    interpreter: PythonProgram = "python3", searchPath: [String] = [], mainModule: String? = nil,
    allowed: [String] = [], blocked: [String] = []
  ) {
    self.interpreter = interpreter
    self.searchPath = searchPath
    self.mainModule = mainModule
    self.allowed = allowed
    self.blocked = blocked
  }

  var policy: PythonImportPolicy { PythonImportPolicy(overrides: allowed, blocks: blocked) }
}

/// What a context has to know to start Python ones, and asks the master for.
struct PythonDescription: Codable, Sendable, Equatable {
  /// The version of the Mitogen beside the master.
  var version: [Int]
  /// What Python contexts do not ask for.
  var blocks: [String]
  /// What they always ask for.
  var overrides: [String]

  /// The payload of the master's answer; text in its place is why there is none.
  func payload() throws -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    try writer.encode(version)
    try writer.encode(blocks)
    try writer.encode(overrides)
    writer.tuple()
    writer.end()
    return writer.bytes
  }

  init(version: [Int], blocks: [String], overrides: [String]) {
    self.version = version
    self.blocks = blocks
    self.overrides = overrides
  }

  /// Reads the master's answer.
  ///
  /// - Throws: ``PythonUnavailableError`` with what the master says, if that is why there is none.
  init(payload: [UInt8]) throws {
    let root = try Unpickled(payload, globals: .denyAll).root
    guard root.isSequence, root.count == 3, let version = root.element(0).integers,
      let blocks = root.element(1).texts, let overrides = root.element(2).texts
    else {
      throw PythonUnavailableError(description: root.text ?? "the master serves no Python contexts")
    }
    self.init(version: version, blocks: blocks, overrides: overrides)
  }
}

extension Unpickled.Node {
  /// A list of texts; nil if it is something else.
  var texts: [String]? { elements { $0.text } }
  /// A list of integers; nil if it is something else.
  var integers: [Int]? { elements { $0.integer } }

  private func elements<Element>(_ read: (Unpickled.Node) -> Element?) -> [Element]? {
    guard isSequence else { return nil }
    let elements = (0..<count).compactMap { read(element($0)) }
    return elements.count == count ? elements : nil
  }
}

/// There is no Mitogen to start Python contexts with.
public struct PythonUnavailableError: Error, Sendable, CustomStringConvertible {
  /// Why, and what helps.
  public let description: String
  /// Whether the process beside the master has ended, and not only an answer is missing.
  var isEnd = false
}
