/// A receiver, and a sender to another context's receiver, as one thing: a conversation.
///
/// The two sides have to tell each other their handles. Iterating a channel is iterating its receiver.
///
/// Mitogen's `Channel`.
public struct Channel<Incoming: Sendable, Outgoing: Sendable>: AsyncSequence, Sendable {
  /// What is iterated.
  public typealias Element = Incoming

  /// What comes in.
  public let receiver: Receiver<Incoming>
  /// What goes out.
  public let sender: Sender<Outgoing>

  /// Makes a channel of its two halves.
  public init(receiver: Receiver<Incoming>, sender: Sender<Outgoing>) {
    self.receiver = receiver
    self.sender = sender
  }

  /// Makes a channel to a handle of a context.
  ///
  /// - Parameters:
  ///   - port: The router.
  ///   - contextID: The context of the other side, the only one that is heard; when it is gone, waiting throws.
  ///   - destinationHandle: Its handle there.
  ///   - handle: The handle here; a new one if nil.
  ///   - incoming: How elements are read.
  ///   - outgoing: How elements are written.
  init(
    port: any MessagePort, contextID: ContextID, destinationHandle: Handle, handle: Handle? = nil,
    incoming: ElementCoder<Incoming>, outgoing: ElementCoder<Outgoing>
  ) {
    receiver = Receiver(port: port, handle: handle, respondent: contextID, coder: incoming)
    sender = Sender(port: port, contextID: contextID, handle: destinationHandle, coder: outgoing)
  }

  /// The handle here; nil when no more messages can come.
  public var handle: Handle? { receiver.handle }

  /// The other side's handle in its context.
  public var destinationHandle: Handle { sender.handle }

  /// The context of the other side.
  var contextID: ContextID { sender.contextID }

  /// Waits for the next element, as ``Receiver/get(timeout:)`` does.
  public func get(timeout: Duration? = nil) async throws -> Incoming { try await receiver.get(timeout: timeout) }

  /// Sends an element, as ``Sender/send(_:)`` does.
  public func send(_ element: Outgoing) async throws { try await sender.send(element) }

  /// Closes the receiver, then the sender: the other side hears that the stream ends.
  public func close() {
    receiver.close()
    sender.close()
  }

  /// Makes an iterator of the receiver's elements.
  public func makeAsyncIterator() -> Receiver<Incoming>.AsyncIterator { receiver.makeAsyncIterator() }
}
