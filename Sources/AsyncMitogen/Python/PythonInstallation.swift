/// Where a master finds what it serves to Python contexts: Mitogen itself, and the modules that they import.
///
/// A Python beside the master is asked, in a process of its own that is started with the first Python context and ends
/// with the router. It looks for modules and reads them, and executes none of them. Mitogen's `ModuleResponder` and
/// `ImportPolicy`.
public struct PythonInstallation: Sendable, Hashable {
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
struct PythonDescription: Codable, Sendable, Hashable {
  /// The version of the Mitogen beside the master.
  var version: [Int]
  /// What Python contexts do not ask for.
  var blocks: [String]
  /// What they always ask for.
  var overrides: [String]
}

/// There is no Mitogen to start Python contexts with.
public struct PythonUnavailableError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Why, and what helps.
  public let description: String
  /// Whether the process beside the master has ended, and not only an answer is missing.
  var isEnd = false
}
