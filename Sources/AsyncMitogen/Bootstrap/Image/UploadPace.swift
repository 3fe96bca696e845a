/// How fast a program is handed to a network connection. Pure: the caller brings the clock.
///
/// What is written faster than it is read at the other end piles up on the way, and `sshd` copies what has piled up again
/// and again: 3 MB that it could pass on in 20 ms then take it 100. How much has been read there cannot be known in time,
/// because TCP holds small answers back, so the rate has a limit: a low one while the shell over there is busy with other
/// things, and nearly that of a link of one gigabit from when the program says that it reads. Neither is what a slow link
/// waits for: until a word from the other side can be here, TCP by itself has not sent more than the low one lets it.
struct UploadPace: Sendable, Hashable {
  /// Bytes per second before the other side has said that it reads.
  static let cautiousRate: UInt64 = 16_000_000
  /// Bytes per second from then on.
  static let fullRate: UInt64 = 100_000_000
  /// How much may be written at once.
  static let pieceSize = 65_536
  /// How much time may be made up for by who comes late, in nanoseconds: timers count milliseconds.
  static let catchUp: UInt64 = 2_000_000

  private var rate = cautiousRate
  /// When the next piece may be written.
  private var due: UInt64 = 0

  /// The other side reads.
  mutating func readingHasBegun(at now: UInt64) {
    rate = UploadPace.fullRate
    due = min(due, now)
  }

  /// How long to wait before the next piece; nil if it may be written.
  func delay(at now: UInt64) -> Duration? { now < due ? .nanoseconds(Int64(clamping: due - now)) : nil }

  /// Takes note of what has been written.
  mutating func wrote(_ count: Int, at now: UInt64) {
    let earliest = now > UploadPace.catchUp ? now - UploadPace.catchUp : 0
    due = max(due, earliest) + UInt64(count) * 1_000_000_000 / rate
  }
}
