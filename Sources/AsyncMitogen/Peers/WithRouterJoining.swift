internal import CAsyncMitogen
internal import Glibc

/// Runs `body` with a router that has joined the tree of another process, through that process's ``UnixListener``, and
/// leaves the tree on the way out. Mitogen's `unix.connect`.
///
/// This process is a context of that tree then, below the one that listens, and it may start others below itself. What
/// it may do in the tree is for the listener to say. Nobody there can call functions here, or end this process; services
/// that it offers can be called. If the listener goes away, whoever waits for an answer is told, and nothing more can be
/// reached; the body goes on. ``Mitogen/contextID`` and its like are not changed, for a process may join several trees:
/// ask the router.
///
/// The body runs on the router's broker, where replies arrive. On return all contexts that it started are reaped, and
/// what it sent has been sent: also if the body throws or its task is cancelled.
///
/// - Parameters:
///   - path: Where the listener is.
///   - configuration: How the router, and all contexts that it starts, behave. The size of messages must not be larger
///     than in the tree that is joined.
///   - policy: Whose listener is joined: it could be anybody's who may write to the directory. This user's, and root's,
///     by default.
///   - timeout: How long it may take to join: 30 s by default.
///   - body: What to do; gets the router and the context that listens.
/// - Returns: What the body returns.
/// - Throws: ``UnixSocketError`` if it cannot join, what the body throws, `CancellationError`; an error that names the
///   system call if the process has no descriptors left.
public func withRouter<Result>(
  joining path: String, configuration: RouterConfiguration = .init(), policy: UnixPeerPolicy = .sameUser,
  timeout: Duration = .seconds(30), isolation: isolated (any Actor)? = #isolation,
  _ body: (_ router: Router, _ listener: Context) async throws -> Result
) async throws -> Result {
  let broker = try configuration.broker ?? Broker(shutdownTimeout: configuration.shutdownTimeout)
  let result: Swift.Result<Result, any Error>
  do {
    let (router, listener) = try await withTaskExecutorPreference(broker.taskExecutor) {
      try await UnixClient(path: path, broker: broker, policy: policy, timeout: timeout).join(configuration)
    }
    do {
      result = .success(try await withTaskExecutorPreference(broker.taskExecutor) { try await body(router, listener) })
    } catch {
      result = .failure(error)
    }
    await router.shutdown()
    await router.leave()
  } catch {
    result = .failure(error)
  }
  if configuration.broker == nil {
    broker.shutdown()
    await broker.join()
  }
  return try result.get()
}
