/// How much a receiver holds for a consumer that is slower than those who send to it.
///
/// Senders of AsyncMitogen wait when they are a window ahead of their receiver, see ``Sender/send(_:)``: that much of
/// each context is held in any case, and does not count. The limit is for all else. A peer that overruns it makes the
/// receiver fail: what is queued is still delivered, then a ``ChannelError``. One message always has room.
/// Mitogen has no limit.
public struct QueueLimit: Sendable, Hashable {
  /// How many messages may be queued, at least 1.
  public let messages: Int
  /// How many bytes may be queued: payloads, and 26 for each message's header.
  public let bytes: Int

  /// Makes a limit; by default 65,536 messages and 256 MiB.
  public init(messages: Int = 65_536, bytes: Int = 256 << 20) {
    self.messages = max(1, messages)
    self.bytes = max(0, bytes)
  }

  /// 65,536 messages and 256 MiB.
  public static let standard = QueueLimit()

  /// No limit: only for peers that are trusted not to exhaust this process's memory.
  public static let unbounded = QueueLimit(messages: .max, bytes: .max)
}
