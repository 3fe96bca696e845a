/// How a message's payload is to be read: the first two bytes of its header.
public enum MessageEncoding: UInt16, Sendable, Hashable {
  /// The handle decides: raw bytes or a pickle. Mitogen's `ENC_MGC`.
  case legacy = 0x4D49
  /// One or more pickles. Mitogen's `ENC_PKL`.
  case pickle = 0x4D4A
  /// Raw bytes. Mitogen's `ENC_BIN`.
  case binary = 0x4D4B
}

/// One message: where to, where from, on whose authority, and a payload.
///
/// Mitogen's `Message`. On the wire it is a header of 26 bytes (``MessageHeader``) and the payload.
public struct Message: Sendable {
  /// The context that is to receive it.
  public var destination: ContextID
  /// The context that is to receive a reply.
  public var source: ContextID
  /// The context under whose authority the message acts.
  public var authority: ContextID
  /// The handle in the destination.
  public var handle: Handle
  /// The handle in the source for a reply; ``Handle/none`` if none is wanted, ``Handle/isDead`` if the message is dead.
  public var replyTo: Handle
  /// How the payload is to be read.
  public var encoding: MessageEncoding
  /// Whether others need not wait for it on the way out of this context: a piece of something long. Those that are so keep
  /// their order among themselves.
  var isBulk = false
  /// The payload.
  public var payload: [UInt8]

  /// Makes a message. A router fills in source and authority when it sends a message of its own.
  public init(
    destination: ContextID = .master, source: ContextID = .master, authority: ContextID? = nil, handle: Handle,
    replyTo: Handle = .none, encoding: MessageEncoding = .legacy, payload: [UInt8] = []
  ) {
    self.destination = destination
    self.source = source
    self.authority = authority ?? source
    self.handle = handle
    self.replyTo = replyTo
    self.encoding = encoding
    self.payload = payload
  }

  /// Makes a message that says why no other will come. Mitogen's `Message.dead`.
  public static func dead(
    _ reason: String = "", destination: ContextID = .master, source: ContextID = .master, handle: Handle = .none
  ) -> Message {
    Message(destination: destination, source: source, handle: handle, replyTo: .isDead, payload: Array(reason.utf8))
  }

  /// Whether the message is dead: its payload is then the reason, and no other message comes in its place.
  public var isDead: Bool { replyTo == .isDead }
}

extension Message: CustomStringConvertible {
  /// The header's fields and the payload's size; never its content, which may be secret.
  public var description: String {
    "Message(\(source)→\(destination), authority \(authority), handle \(handle), replyTo \(replyTo), "
      + "\(encoding), \(payload.count) bytes)"
  }
}
