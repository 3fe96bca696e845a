/// Why a message is dead: Mitogen's texts, which Python peers may compare, and ours.
enum DeadReason {
  /// The sender ended its stream in good order.
  static let senderClosed = "Sender was explicitly closed"
  /// The receiver was closed in this process.
  static let receiverClosed = "the Receiver has been closed"
  /// What a router says to each handler whose respondent is gone; the handler is removed.
  static let respondentDisconnected = "the respondent Context has disconnected"
  /// What a router says to each handler when it ends. The spelling is Mitogen's.
  static let brokerExited = "Broker has exitted"
  /// What an empty dead message of this context means.
  static let closedLocally = "Channel closed by local end."
  /// What an empty dead message of another context means.
  static let closedRemotely = "Channel closed by remote end."
  /// The message of a receiver for one message has been taken: ours, where Mitogen waits for ever.
  static let onlyMessageReceived = "the Receiver's only message has been received"
  /// A receiver cannot remember all who send to it.
  static let flowForgotten = "the Receiver has too many senders"
  /// The destination has no such handle.
  static let invalidHandle = "invalid handle"
  /// The handle's policy says no.
  static let refusedByPolicy = "refused by policy"
  /// The handle only hears its respondent.
  static let unexpectedContext = "reply from unexpected context"

  /// The payload is larger than the tree's limit, in bytes.
  static func tooLarge(_ limit: Int) -> String { "message too large (max \(limit) bytes)" }

  /// Nobody knows the way to the destination.
  static func noRoute(to destination: ContextID, from router: ContextID) -> String {
    "no route to \(destination), my ID is \(router)"
  }

  /// Contexts below may only talk to their parents.
  static func oneWay(from source: ContextID, to destination: ContextID, via router: ContextID) -> String {
    "routing mode prevents forward of message from context \(source) to context \(destination) via context \(router)"
  }

  /// Ours: the next hop has taken nothing for a while.
  static func stalled(_ destination: ContextID, limit: Int) -> String {
    "the stream to context \(destination) takes nothing, and \(limit) bytes wait for it already"
  }
}

extension ChannelError {
  /// Makes the error that a dead message stands for.
  ///
  /// - Parameters:
  ///   - message: The dead message.
  ///   - contextID: The context that it was received in.
  ///   - respondent: The context from which a message was expected, if it is known.
  init(dead message: Message, in contextID: ContextID, respondent: ContextID?) {
    let isLocal = message.source == contextID
    let text = String(decoding: message.payload, as: UTF8.self)
    // Ours say in further lines what is known of it.
    let parts = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    let reason =
      if let first = parts.first, !text.isEmpty {
        String(first)
      } else {
        isLocal ? DeadReason.closedLocally : DeadReason.closedRemotely
      }
    self.init(
      reason, context: respondent ?? (isLocal ? nil : message.source), detail: parts.count > 1 ? String(parts[1]) : nil)
  }
}
