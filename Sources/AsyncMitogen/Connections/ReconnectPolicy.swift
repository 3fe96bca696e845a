/// Says whether, and when, a context that was lost or could not be started is started again.
public struct ReconnectPolicy: Sendable {
  private let decide: @Sendable (ReconnectAttempt) async -> Duration?

  /// Makes a policy of your own.
  ///
  /// - Parameter decide: Gets what has happened; returns how long to wait before the next attempt, nil to give up. It may
  ///   take its time, and ask somebody.
  public init(_ decide: @escaping @Sendable (ReconnectAttempt) async -> Duration?) { self.decide = decide }

  func delay(before attempt: ReconnectAttempt) async -> Duration? { await decide(attempt) }

  /// Waits twice as long each time.
  ///
  /// - Parameters:
  ///   - first: The first wait, 1 s by default.
  ///   - limit: The longest, 60 s by default.
  ///   - attempts: After how many failures in a row it gives up; never if nil, the default.
  public static func exponential(
    first: Duration = .seconds(1), limit: Duration = .seconds(60), attempts: Int? = nil
  ) -> ReconnectPolicy {
    ReconnectPolicy { attempt in
      if let attempts, attempt.number > attempts { return nil }
      var delay = max(first, .zero)
      // So often that anything is beyond any limit.
      for _ in 1..<min(max(attempt.number, 1), 64) where delay < limit { delay += delay }
      return min(delay, limit)
    }
  }
}

/// What a ``ReconnectPolicy`` decides about.
public struct ReconnectAttempt: Sendable {
  /// Which attempt this would be since a context was last there, counted from 1.
  public let number: Int
  /// How the context was lost; nil if there was none yet.
  public let loss: Disconnect?
  /// Why the last attempt failed; nil if there was none since.
  public let error: (any Error)?
}
