/// Runs `body` with a router, and ends every context that it started on the way out.
///
/// The body runs on the router's broker, where replies arrive. On return all children are reaped: also if the body
/// throws or its task is cancelled. Mitogen's `with_router` and `run_with_router`.
///
/// - Parameters:
///   - configuration: How the router, and all contexts below it, behave.
///   - body: What to do with it.
/// - Returns: What the body returns.
/// - Throws: What the body throws; an error that names the system call if the process has no descriptors left.
public func withRouter<Result>(
  configuration: RouterConfiguration = .init(), isolation: isolated (any Actor)? = #isolation,
  _ body: (Router) async throws -> Result
) async throws -> Result {
  let broker =
    try configuration.broker
    ?? Broker(
      shutdownTimeout: configuration.shutdownTimeout,
      profiling: configuration.profiling || Profiling.isWantedByEnvironment)
  let router = Router(broker: broker, configuration: configuration)
  let result: Swift.Result<Result, any Error>
  do {
    result = .success(try await withTaskExecutorPreference(broker.taskExecutor) { try await body(router) })
  } catch {
    result = .failure(error)
  }
  await router.shutdown()
  if configuration.broker == nil {
    broker.shutdown()
    await broker.join()
  }
  return try result.get()
}
