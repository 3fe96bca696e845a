internal import Synchronization

extension Router {
  /// What this router has carried and what it holds now. Mitogen's `get_stats()`, which counts imports, has no other.
  ///
  /// Counting costs a message a few additions; all else is found when it is asked for.
  public func statistics() -> RouterStatistics {
    let (inFlight, handlerCount) = handlers.withLock { ($0.callsInFlight, $0.count) }
    var calls = callSource.withLock { $0 }?() ?? CallStatistics()
    calls.inFlight = inFlight.values.reduce(0, +)
    return RouterStatistics(
      contextID: contextID, messages: table.counts, calls: calls,
      services: services.pool.map { $0.enter { pool in pool.statistics } }, handlerCount: handlerCount,
      threadCount: broker?.threadCount ?? 1,
      streams: streams.sorted { $0.key < $1.key }.map { statistics(of: $1, $0) },
      contexts: table.knownContexts.map { record in
        ContextStatistics(
          contextID: record.context, name: names.withLock { $0[record.context] },
          via: table.links[record.link]?.remote, traffic: record.traffic,
          callsInFlight: inFlight[record.context] ?? 0)
      })
  }

  /// A snapshot each `interval`, the first at once, until the router ends.
  ///
  /// Any number may be observed. An observer that is late gets the newest snapshot only.
  public nonisolated func statistics(every interval: Duration) -> AsyncStream<RouterStatistics> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let task = Task(executorPreference: loop.tasks) { [weak self] in
        repeat {
          guard let snapshot = await self?.statistics() else { break }
          continuation.yield(snapshot)
        } while await self?.pause(for: interval) == true
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  private func statistics(of stream: Stream, _ link: LinkIdentifier) -> StreamStatistics {
    let (traffic, pendingBytes, isPaused) = stream.enter { ($0.traffic, $0.pendingBytes, !$0.isListening) }
    return StreamStatistics(
      name: stream.name, contextID: table.links[link]?.remote, traffic: traffic, pendingBytes: pendingBytes,
      isPaused: isPaused, isStalled: pauses.isStalled(link))
  }

  /// Waits for a while by the loop's own clock; false if the router ends meanwhile, or the task is cancelled.
  func pause(for duration: Duration) async -> Bool {
    guard !hasEnded else { return false }
    // Registered here, on the lane: the end of the router cannot pass between the question and the wait.
    let wait = Receiver<Message>(port: self, persist: false, coder: .raw)
    do {
      _ = try await wait.get(timeout: max(duration, .milliseconds(1)))
      return false
    } catch {
      return error is TimeoutError && !Task.isCancelled
    }
  }
}
