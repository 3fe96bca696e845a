/// An actor on the lane of a loop.
protocol LaneActor: Actor {
  /// Whether the calling thread holds that lane.
  nonisolated var isOnLane: Bool { get }
}

extension LaneActor {
  /// Enters the actor from code that runs on its lane, as `assumeIsolated` does.
  ///
  /// Safe: isolation of such an actor is holding its lane, which is checked here. The runtime's own check asks several
  /// executors in turn for what is one comparison here, and takes ten times as long; a message is handed from actor to
  /// actor half a dozen times on its way. An isolated function differs from a plain one in its type alone.
  nonisolated func enter<Result>(_ body: (isolated Self) throws -> Result) rethrows -> Result {
    precondition(isOnLane, "not on the lane of this actor")
    return try withoutActuallyEscaping(body) { body in
      try unsafe unsafeBitCast(body, to: ((Self) throws -> Result).self)(self)
    }
  }
}

/// Work that a loop runs on its lane, for those who would otherwise make the same closure again and again.
protocol LaneRunnable: AnyObject, Sendable {
  func runOnLane()
}
