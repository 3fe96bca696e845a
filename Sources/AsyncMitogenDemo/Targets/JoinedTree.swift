internal import AsyncMitogen

/// The tree in which a command's contexts are: this process's own, or one that it joins.
enum JoinedTree {
  /// Runs a body with a router of that tree.
  static func with<Result>(
    _ options: TargetOptions, isolation: isolated (any Actor)? = #isolation, _ body: (Router) async throws -> Result
  ) async throws -> Result {
    let configuration = RouterConfiguration(python: PythonBeside.installation)
    guard let path = options.joined else {
      return try await withRouter(configuration: configuration) { try await body($0) }
    }
    return try await withRouter(joining: path, timeout: options.timeout ?? .seconds(30)) { router, listener in
      // What is started from there needs somebody to call, as does what is asked of it.
      guard listener.id != .master else {
        throw UsageError("--join: a master listens at \(path), and nobody calls functions in it")
      }
      return try await body(router)
    }
  }
}
