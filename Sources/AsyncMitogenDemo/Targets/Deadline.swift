internal import AsyncMitogen

/// Gives up what takes too long.
enum Deadline {
  /// Runs a body, and cancels it when its time is up.
  ///
  /// - Parameter operation: What the body does, for the error.
  /// - Throws: `TimeoutError`, and what the body throws.
  static func run<Result: Sendable>(
    within limit: Duration, _ operation: String, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: limit)
        throw TimeoutError(operation, timeout: limit)
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }
}
