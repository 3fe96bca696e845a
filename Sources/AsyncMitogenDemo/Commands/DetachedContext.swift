import AsyncMitogen
import Glibc

/// A context that goes on without this process, until it is told to end.
enum DetachedContext {
  struct NotInAChild: Error {}

  /// Starts one.
  ///
  /// - Parameter path: Where it listens; a path of its own if nil.
  static func start(at path: String? = nil) async throws -> (path: String, process: pid_t) {
    try await withRouter { router in
      let child = try await router.local()
      let path = try await child.call(path) { (path) throws -> String in
        guard let context = ExternalContext.current else { throw NotInAChild() }
        return try UnixListener(router: context.router, path: path).path
      }
      let process = try await child.call { getpid() }
      try child.callNoReply { try await ExternalContext.current?.detach() }
      try await child.disconnected()
      return (path, process)
    }
  }

  /// Ends the one that listens at a path.
  static func end(at path: String) async throws {
    try await withRouter(joining: path) { _, context in try await context.shutdown() }
  }

  /// Starts one, joins its tree, runs the body, and ends it.
  static func with<Result>(_ body: (Context) async throws -> Result) async throws -> Result {
    let path = try await start().path
    let result: Swift.Result<Result, any Error>
    do {
      result = .success(try await withRouter(joining: path) { _, context in try await body(context) })
    } catch {
      result = .failure(error)
    }
    try await end(at: path)
    return try result.get()
  }
}
