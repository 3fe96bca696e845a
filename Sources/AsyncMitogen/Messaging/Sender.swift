/// Sends elements to one receiver, in whatever context that is.
///
/// A sender can be given to any context of the tree, as an argument or a result of a call: there it sends on its own.
/// Messages from one context arrive in the order in which they were sent.
///
/// Mitogen's `Sender`. Other than there, a sender waits for a receiver that falls behind, and hears if it is gone.
public struct Sender<Element: Sendable>: Sendable {
  let flow: Flow
  let coder: ElementCoder<Element>

  /// Makes a sender to a handle of a context.
  init(port: any MessagePort, contextID: ContextID, handle: Handle, coder: ElementCoder<Element>) {
    flow = port.flows.flow(to: contextID, handle: handle, through: port)
    self.coder = coder
  }

  /// The context of the receiver.
  var contextID: ContextID { flow.destination }

  /// The receiver's handle in it.
  var handle: Handle { flow.handle }

  /// Sends an element, when the receiver is not too far behind.
  ///
  /// All senders of this process to one receiver share a window of 1 MiB (payloads, and 26 bytes for each message's
  /// header): while more than that has been sent but not yet consumed, this waits. So a task must not send a receiver
  /// more than that before it consumes it itself. Receivers in Python never say what they consumed, and are not waited
  /// for. Returning does not mean that the element has arrived.
  ///
  /// - Throws: ``ChannelError`` if it is known that nothing will arrive, because the receiver was closed or its context
  ///   is gone; `CancellationError` if the task was cancelled while it waited, and then nothing was sent; what encoding
  ///   throws.
  public func send(_ element: Element) async throws {
    let (encoding, payload) = try coder.encode(element)
    try await flow.send(encoding, payload)
  }

  /// Sends an element at once, however far the receiver is behind: for code that must not wait, and sends little.
  ///
  /// A receiver that is overrun fails, see ``QueueLimit``.
  ///
  /// - Throws: ``ChannelError`` if it is known that nothing will arrive; what encoding throws.
  public func post(_ element: Element) throws {
    let (encoding, payload) = try coder.encode(element)
    try flow.post(encoding, payload)
  }

  /// Tells the receiver that the stream ends here: one iteration of it ends, or one `get()` throws a ``ChannelError``.
  ///
  /// The receiver itself stays open for other senders.
  public func close() { flow.postEnd() }
}

extension Sender: Hashable {
  /// Whether both send to one receiver.
  public static func == (left: Sender, right: Sender) -> Bool {
    left.contextID == right.contextID && left.handle == right.handle
  }

  /// Hashes the receiver's address.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(contextID)
    hasher.combine(handle)
  }
}

extension Sender: Codable {
  /// Throws: only a message can carry a sender, because only there is a router that it can send through.
  public init(from decoder: any Decoder) throws {
    throw DecodingError.dataCorrupted(
      .init(codingPath: decoder.codingPath, debugDescription: "A Sender can only be decoded from a message"))
  }

  /// Throws: only a message can carry a sender.
  public func encode(to encoder: any Encoder) throws {
    throw EncodingError.invalidValue(
      self, .init(codingPath: encoder.codingPath, debugDescription: "A Sender can only be encoded into a message"))
  }
}
