/// Mitogen's texts for why no message will come, where we must know them.
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
    let reason: String
    if !message.payload.isEmpty {
      reason = String(decoding: message.payload, as: UTF8.self)
    } else {
      reason = isLocal ? DeadReason.closedLocally : DeadReason.closedRemotely
    }
    self.init(reason, context: respondent ?? (isLocal ? nil : message.source))
  }
}
