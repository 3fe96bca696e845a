/// How far the sender of a file may be ahead of who reads it. Pure.
///
/// Unlike Mitogen's, it belongs to one transfer, so that one that stands still holds up no other.
struct TransferWindow: Sendable {
  /// The window of a transfer that has its link to itself: 1 MiB, as Mitogen's.
  static let whole = 1 << 20
  /// The least that a transfer may be ahead, however many share a link.
  static let least = 32 << 10
  /// How far a transfer is ahead, and how large its pieces are, while others have something to say on the way: what they
  /// say waits behind that.
  static let polite = 64 << 10
  private static let politeChunk = 16 << 10
  /// The size of Mitogen's pieces: 128 KiB with the header.
  static let wholeChunk = (128 << 10) - 26
  /// The size of pieces between contexts of this library: whole chunks of their digest, and whole pages.
  static let alignedChunk = 128 << 10
  private static let leastChunk = 16 << 10

  private(set) var sent = 0
  private(set) var acknowledged = 0
  /// How much may be sent and not acknowledged before sending stops.
  var limit: Int
  /// Whether others have something to say.
  var isPolite = false

  private let chunk: Int

  init(limit: Int = TransferWindow.whole, chunk: Int = TransferWindow.wholeChunk) {
    self.limit = limit
    self.chunk = chunk
  }

  /// The window of each of so many transfers over one link: together they are not much further ahead than one alone
  /// would be, so that small messages do not have to wait behind them all.
  static func share(of count: Int) -> Int { max(least, whole / max(1, count)) }

  /// What has been sent and not acknowledged.
  var outstanding: Int { sent - acknowledged }

  /// The size of the next piece; nil if it has to wait.
  var room: Int? {
    guard outstanding < (isPolite ? min(limit, TransferWindow.polite) : limit) else { return nil }
    if isPolite { return TransferWindow.politeChunk }
    return limit >= TransferWindow.whole ? chunk : max(TransferWindow.leastChunk, min(chunk, limit / 4))
  }

  /// A piece has been sent.
  mutating func send(_ size: Int) { sent += size }

  /// The reader has read so much since the beginning. Acknowledgements may overtake each other, or be made up.
  mutating func acknowledge(total: Int) {
    guard total > acknowledged, total <= sent else { return }
    acknowledged = total
  }

  /// The reader has read so much more, as Mitogen's says it; returns false if it was never sent.
  mutating func acknowledge(more size: Int) -> Bool {
    guard size > 0 else { return false }
    guard size <= outstanding else {
      acknowledged = sent
      return false
    }
    acknowledged += size
    return true
  }
}
