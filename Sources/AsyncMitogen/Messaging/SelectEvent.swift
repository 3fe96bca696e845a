/// What iterating a ``Select`` yields: who has something, and what.
///
/// Mitogen's `Event`.
public struct SelectEvent<Element: Sendable>: Sendable {
  /// The receiver that it came from; for nested Selects, the one at the bottom.
  public let receiver: Receiver<Element>
  /// The context that it came from: the one that the receiver expects to hear from, else the one that sent it.
  let contextID: ContextID

  private let result: Result<Element, any Error>

  init(_ event: SelectCore.Event, from receiver: Receiver<Element>) {
    self.receiver = receiver
    switch event.content {
    case .message(let message):
      contextID = receiver.respondent ?? message.source
      let core = event.source
      result = Result {
        guard !message.isDead else { throw core.error(of: message) }
        return try receiver.coding.coder.decode(message)
      }
    case .ended(let end):
      contextID = receiver.respondent ?? receiver.core.queue.port.contextID
      result = .failure(end.error)
    }
  }

  /// The element.
  ///
  /// - Throws: ``ChannelError`` if a dead message came in its place, or the receiver was closed; what decoding threw.
  public var value: Element { get throws { try result.get() } }
}
