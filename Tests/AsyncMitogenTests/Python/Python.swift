import Glibc
import Testing

@testable import AsyncMitogen

/// A Python that has Mitogen: what `ASYNC_MITOGEN_PYTHON` or `MITOGEN_PYTHON` names, the testbed's, or `python3`.
enum Python {
  static let path: String? = {
    let names = ["ASYNC_MITOGEN_PYTHON", "MITOGEN_PYTHON"]
    let named = names.compactMap { name in unsafe getenv(name).map { unsafe String(cString: $0) } }
    return (named + [Testbed.shared["MITOGEN_PYTHON"], "python3"]).first { path in
      !path.isEmpty && (try? ShellCommand("\(ShellCommand.quoted(path)) -c 'import mitogen.unix'"))?.status == 0
    }
  }()

  /// Interpreters of other versions, which children can run: those of the search path that are there, by version.
  static let others: [String] = ["2.7", "3.6", "3.8", "3.12", "3.13"].compactMap { version in
    let found = try? ShellCommand("command -v python\(version) && python\(version) -c 'import sys, zlib, select'")
    guard found?.status == 0 else { return nil }
    return found?.output.split(separator: "\n").first.map(String.init)
  }

  /// Starts children with the same Python that finds their modules.
  static func program() throws -> PythonProgram { PythonProgram(try #require(path)) }

  static func configuration(searchPath: [String] = []) throws -> RouterConfiguration {
    RouterConfiguration(python: PythonInstallation(interpreter: try program(), searchPath: searchPath))
  }

  /// A directory with modules.
  static func sandbox(_ files: [String: String]) throws -> Sandbox {
    let box = try Sandbox()
    for (name, text) in files {
      if let slash = name.lastIndex(of: "/") { try box.directory(String(name[..<slash])) }
      try box.file(name, Array(text.utf8))
    }
    return box
  }

  /// A Python child of a master, which finds the files beside it.
  static func withChild(
    _ files: [String: String] = [:], _ body: (Router, Context) async throws -> Void
  ) async throws {
    let box = try sandbox(files)
    try await withRouter(configuration: try configuration(searchPath: [box.path])) { router in
      try await body(router, try await router.local(python: try program()))
    }
  }
}
