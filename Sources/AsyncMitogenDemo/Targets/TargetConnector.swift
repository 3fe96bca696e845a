/// Goes the ways to targets, hop by hop. Where two have the first hops in common, those are gone only once.
///
/// `Place` is where a hop leads: a context, or whatever a test says.
actor TargetConnector<Place: Sendable> {
  /// Goes one hop from a place, or from this process.
  typealias Connect = @Sendable (_ hop: TargetHop, _ from: Place?, _ limit: Duration?) async throws -> Place

  private let timeout: Duration?
  private let connect: Connect
  private var ways: [[TargetHop]: Task<Place, any Error>] = [:]

  /// - Parameters:
  ///   - timeout: How long the way to a target may take.
  ///   - connect: Goes one hop.
  init(timeout: Duration?, connect: @escaping Connect) {
    self.timeout = timeout
    self.connect = connect
  }

  /// Goes to a target.
  ///
  /// If this task is cancelled, so are the hops that it waits for, also for others who wait for them: whoever cancels
  /// one target's task cancels them all.
  ///
  /// - Throws: ``HopFailure``, also if it was another target for which the hop was tried.
  func place(of hops: [TargetHop]) async throws -> Place {
    // Who comes later to a hop that is being gone does not wait longer than for one of its own.
    let deadline = timeout.map { ContinuousClock.now + $0 }
    var place: Place?
    for count in hops.indices.map({ $0 + 1 }) {
      let task = way(to: Array(hops.prefix(count)), from: place, deadline)
      place = try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
    }
    guard let place else { preconditionFailure("a target is at least one hop away") }
    return place
  }

  private func way(
    to hops: [TargetHop], from: Place?, _ deadline: ContinuousClock.Instant?
  ) -> Task<Place, any Error> {
    if let known = ways[hops] { return known }
    let task = Task { [connect] in
      guard let hop = hops.last else { preconditionFailure("a target is at least one hop away") }
      let limit = deadline.map { TargetConnector.rounded(ContinuousClock.now.duration(to: $0)) }
      do {
        return try await connect(hop, from, limit)
      } catch {
        throw HopFailure(hop: hop, number: hops.count, error: error)
      }
    }
    ways[hops] = task
    return task
  }

  /// A time for people, who see it in errors: in whole hundredths of a second, and never none.
  private static func rounded(_ duration: Duration) -> Duration {
    .milliseconds(10 * max(1, Int((duration / .milliseconds(10)).rounded(.up))))
  }
}

/// One of the hops to a target could not be gone.
struct HopFailure: Error, CustomStringConvertible {
  let hop: TargetHop
  /// Counted from 1.
  let number: Int
  let error: any Error

  /// Which hop, if it could be another, and why.
  var description: String { number == 1 ? "\(error)" : "hop \(number) '\(hop)': \(error)" }
}
