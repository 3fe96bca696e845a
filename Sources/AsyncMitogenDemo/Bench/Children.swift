import AsyncMitogen

/// Many children at once.
enum Children {
  /// Starts children until each has answered a call; `atOnce` limits how many are on their way.
  static func start(_ count: Int, on router: Router, atOnce: Int = 50) async throws -> [Context] {
    try await withThrowingTaskGroup(of: Context.self) { group in
      var children: [Context] = []
      for index in 0..<count {
        if index >= atOnce, let child = try await group.next() { children.append(child) }
        group.addTask {
          let child = try await router.local()
          _ = try await child.call { 1 }
          return child
        }
      }
      while let child = try await group.next() { children.append(child) }
      return children
    }
  }

  /// Ends children, and returns when all have ended.
  static func shutDown(_ children: [Context]) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for child in children { group.addTask { try await child.shutdown() } }
      try await group.waitForAll()
    }
  }
}
