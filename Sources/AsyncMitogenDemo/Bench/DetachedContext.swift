import AsyncMitogen

/// A context that goes on without this process, until it is told to end.
enum DetachedContext {
  /// Starts one, joins its tree, runs the body, and ends it.
  static func with<Result>(_ body: (Context) async throws -> Result) async throws -> Result {
    let path = try await withRouter { router in
      let child = try await router.local()
      let path = try await child.call { () throws -> String in
        guard let context = ExternalContext.current else { throw Sibling.NotInAChild() }
        return try UnixListener(router: context.router).path
      }
      try child.callNoReply { try await ExternalContext.current?.detach() }
      try await child.disconnected()
      return path
    }
    return try await withRouter(joining: path) { _, context in
      do {
        let result = try await body(context)
        try await context.shutdown()
        return result
      } catch {
        try? await context.shutdown()
        throw error
      }
    }
  }
}
