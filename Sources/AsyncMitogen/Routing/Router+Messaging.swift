/// Receivers, senders and channels of this router.
extension Receiver {
  /// Makes a receiver of whatever is sent to a handle, raw. Mitogen's `Receiver`.
  ///
  /// - Parameters:
  ///   - handle: The handle; a new one if nil. If it is taken, the first `get` throws.
  ///   - persist: Whether it hears more than one message, as it does by default.
  ///   - respondent: The only context whose messages are heard; when it disconnects, waiting throws. Any if nil.
  ///   - policy: Says which messages are heard; all by default.
  ///   - overwrite: Whether a handler that is there already is replaced.
  ///   - limit: How much may wait to be received; see ``QueueLimit``.
  public init(
    router: Router, handle: Handle? = nil, persist: Bool = true, respondent: Context? = nil,
    policy: MessagePolicy? = nil, overwrite: Bool = false, limit: QueueLimit = .standard
  ) where Element == Message {
    self.init(
      port: router, handle: handle, persist: persist, respondent: respondent?.id, respondentName: respondent?.name,
      overwrite: overwrite, limit: limit, policy: policy?.bound(to: router), coder: .raw)
  }

  /// Makes a receiver of values that are sent to a handle.
  ///
  /// The parameters are those of the other initializer.
  public init(
    router: Router, handle: Handle? = nil, persist: Bool = true, respondent: Context? = nil,
    policy: MessagePolicy? = nil, overwrite: Bool = false, limit: QueueLimit = .standard
  ) where Element: Codable {
    self.init(
      port: router, handle: handle, persist: persist, respondent: respondent?.id, respondentName: respondent?.name,
      overwrite: overwrite, limit: limit, policy: policy?.bound(to: router), coder: .pickled(router: router))
  }
}

extension Sender {
  /// Makes a sender to a handle of a context. Mitogen's `Sender`.
  ///
  /// - Throws: ``StreamError`` if the context was decoded without a router.
  public init(context: Context, handle: Handle) throws where Element: Codable {
    let router = try context.requireRouter()
    self.init(port: router, contextID: context.id, handle: handle, coder: .pickled(router: router))
  }

  /// Makes a sender of raw messages to a handle of a context; their encoding and payload are sent.
  ///
  /// - Throws: ``StreamError`` if the context was decoded without a router.
  public init(context: Context, handle: Handle) throws where Element == Message {
    self.init(port: try context.requireRouter(), contextID: context.id, handle: handle, coder: .raw)
  }

  /// The context that it sends to.
  public var context: Context {
    (flow.port as? Router)?.context(contextID) ?? Context(router: nil, id: contextID, name: nil)
  }
}

extension Channel {
  /// Makes a channel to a handle of a context. Mitogen's `Channel`.
  public init(router: Router, context: Context, destinationHandle: Handle, handle: Handle? = nil)
  where Incoming: Codable, Outgoing: Codable {
    self.init(
      port: router, contextID: context.id, destinationHandle: destinationHandle, handle: handle,
      incoming: .pickled(router: router), outgoing: .pickled(router: router))
  }

  /// The context of the other side.
  public var context: Context { sender.context }
}

extension SelectEvent {
  /// The context that answered: the one that its receiver expects to hear from, else the one that sent the message.
  public var context: Context {
    (receiver.core.queue.port as? Router)?.context(contextID)
      ?? Context(router: nil, id: contextID, name: receiver.respondentName)
  }
}

extension Sender: PickleConvertible {
  var pickledValue: PickledValue { .sender(context: contextID, handle: handle) }

  init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) throws {
    guard case .sender(let context, let handle) = pickledValue else {
      throw StreamError("expected a Sender, found \(pickledValue)")
    }
    guard let router = userInfo[.router] as? Router else {
      throw StreamError("Cannot unpickle Sender: missing router")
    }
    let coder: ElementCoder<Element>
    if let raw = ElementCoder<Message>.raw as? ElementCoder<Element> {
      coder = raw
    } else if let type = Element.self as? any (Codable & Sendable).Type,
      let pickled = ElementCoder<Element>.pickled(dynamic: type, router: router)
    {
      coder = pickled
    } else {
      throw StreamError("a Sender of \(Element.self), which is not Codable")
    }
    self.init(port: router, contextID: context, handle: handle, coder: coder)
  }
}

extension ElementCoder {
  /// Values as pickles.
  static func pickled(router: Router) -> ElementCoder where Element: Codable {
    ElementCoder(
      encode: { (.pickle, try PickleEncoder().encode($0)) },
      decode: { [weak router] in try CallReply.decode(Element.self, from: $0, router: router) })
  }

  /// As `pickled(router:)`, where only at run time it is known that elements can be encoded.
  fileprivate static func pickled<Value: Codable & Sendable>(
    dynamic type: Value.Type, router: Router
  ) -> ElementCoder? { ElementCoder<Value>.pickled(router: router) as? ElementCoder }

  /// The result of a call.
  static func reply(router: Router?) -> ElementCoder where Element: Decodable {
    ElementCoder(
      encode: { _ in throw StreamError("the receiver of a reply has no senders") },
      decode: { [weak router] in try CallReply.decode(Element.self, from: $0, router: router) })
  }

  /// The end of a call that returns nothing.
  static func emptyReply(router: Router?) -> ElementCoder<Void> where Element == Void {
    ElementCoder(
      encode: { _ in throw StreamError("the receiver of a reply has no senders") },
      decode: { [weak router] in try CallReply.check($0, router: router) })
  }
}

extension ElementCoder where Element == Message {
  /// Messages as they are.
  static var raw: ElementCoder { ElementCoder(encode: { ($0.encoding, $0.payload) }, decode: { $0 }) }
}

/// Stands in for the router of a context that was decoded without one: nothing can be sent or received.
final class UnboundPort: MessagePort {
  static let shared = UnboundPort()

  let contextID = ContextID.master
  let flows = FlowTable { _, answer in answer(false) }

  func register(_ registration: HandlerRegistration, handler: @escaping @Sendable (Message) -> Void) throws -> Handle {
    throw StreamError("this context was decoded without a router, so it cannot be reached")
  }

  func unregister(_ handle: Handle) {}
  func post(_ message: Message) {}
  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> @Sendable () -> Void { {} }
}
