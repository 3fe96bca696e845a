/// How many messages and bytes have passed in each direction, as seen from one context.
///
/// A message's bytes are those of its frame: header and payload.
public struct Traffic: Sendable, Codable {
  /// Messages that left.
  public var sentMessages: UInt64 = 0
  /// Their bytes.
  public var sentBytes: UInt64 = 0
  /// Messages that came.
  public var receivedMessages: UInt64 = 0
  /// Their bytes.
  public var receivedBytes: UInt64 = 0

  /// Nothing has passed.
  public init() {}

  mutating func countSent(_ bytes: Int) {
    sentMessages &+= 1
    sentBytes &+= UInt64(truncatingIfNeeded: bytes)
  }

  mutating func countReceived(_ bytes: Int) {
    receivedMessages &+= 1
    receivedBytes &+= UInt64(truncatingIfNeeded: bytes)
  }
}

/// What has become of the messages that a router was given.
public struct MessageCounts: Sendable, Codable {
  /// Messages for this context, from others or from itself; also those that its handlers refused.
  public var delivered: UInt64 = 0
  /// Messages of this context's own that left for others.
  public var sent: UInt64 = 0
  /// Messages that came in on one link and left on another: each is one hop of its way.
  public var forwarded: UInt64 = 0
  /// Messages that could not be delivered or passed on, or were no good; senders are told where they can be.
  public var refused: UInt64 = 0

  /// There were none.
  public init() {}
}
