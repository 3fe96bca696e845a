/// How fast something grows, and when it will be done. Pure: it is told the time.
///
/// What has been measured counts less the longer ago it was: the rate follows a link that becomes slower within seconds,
/// and does not jump with every piece.
struct TransferRate: Sendable {
  /// After that many seconds a measurement counts about a third.
  static let memory = 3.0

  private var last: (time: Duration, position: Int)?
  /// In bytes a second; nil before there are two measurements.
  private(set) var value: Double?

  /// Takes a measurement.
  ///
  /// - Parameters:
  ///   - position: How many bytes there are.
  ///   - time: Since whenever; one that is no later than the last counts for nothing.
  mutating func measure(_ position: Int, at time: Duration) {
    guard let last, position >= last.position else {
      // The first, or it has begun again: what was before says nothing.
      self = TransferRate()
      last = (time, position)
      return
    }
    let seconds = (time - last.time) / .seconds(1)
    guard seconds > 0 else { return }
    let current = Double(position - last.position) / seconds
    let weight = seconds / (TransferRate.memory + seconds)
    value = value.map { $0 + (current - $0) * weight } ?? current
    self.last = (time, position)
  }

  /// How many seconds so many bytes more will take; nil if that cannot be said, or is more than 99 days.
  func seconds(for bytes: Int) -> Double? {
    guard bytes > 0 else { return 0 }
    guard let value, value > 0, case let seconds = Double(bytes) / value, seconds < 99 * 86_400 else { return nil }
    return seconds
  }
}
