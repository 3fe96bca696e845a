internal import Synchronization

/// A process of the tree, as it is known to one router; through it functions are called there.
///
/// Mitogen's `Context`. Two are equal if they mean the same context, whatever they call it. It may be passed to other
/// contexts as an argument or result, and is bound to their router there.
public struct Context: Sendable {
  /// Its number in the tree.
  public let id: ContextID
  /// What it is called where this value comes from: its parent calls it by the last part, its creator by the whole path.
  public let name: String?
  let router: Router?

  init(router: Router?, id: ContextID, name: String?) {
    self.router = router
    self.id = id
    self.name = name
  }

  /// The router through which it is reached.
  ///
  /// - Throws: ``StreamError`` if the value was decoded by something that has none.
  func requireRouter() throws -> Router {
    guard let router else { throw StreamError("context \(id) was decoded without a router, so it cannot be reached") }
    return router
  }
}

extension Context: Hashable {
  /// Whether both mean the same context.
  public static func == (left: Context, right: Context) -> Bool { left.id == right.id }

  /// Hashes the number.
  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

extension Context: CustomStringConvertible {
  /// Its name, or its number if it has none.
  public var description: String { name ?? "context \(id)" }
}

extension CodingUserInfoKey {
  /// The router to which decoded contexts and senders are bound.
  static let router = CodingUserInfoKey(stringRepresentation: "router")
  /// What is told where decoding failed.
  static let decodingTrace = CodingUserInfoKey(stringRepresentation: "decodingTrace")
}

extension CodingUserInfoKey {
  fileprivate init(stringRepresentation name: StaticString) {
    // A key can be made of any text: the initializer is failable for other reasons of its protocol.
    guard let key = CodingUserInfoKey(rawValue: "AsyncMitogen.\(name)") else {
      preconditionFailure("a coding key made of text")
    }
    self = key
  }
}

extension Context: Codable {
  private enum CodingKeys: String, CodingKey {
    case id
    case name
  }

  /// Reads a context; it is bound to the router that decodes, if there is one.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      router: decoder.userInfo[.router] as? Router, id: try container.decode(ContextID.self, forKey: .id),
      name: try container.decodeIfPresent(String.self, forKey: .name))
  }

  /// Writes number and name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encodeIfPresent(name, forKey: .name)
  }
}

extension Context: PickleConvertible {
  var pickledValue: PickledValue { .context(id: id, name: name) }

  init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) throws {
    guard case .context(let id, let name) = pickledValue else {
      throw StreamError("expected a Context, found \(pickledValue)")
    }
    let router = userInfo[.router] as? Router
    self.init(router: router, id: id, name: router?.names.withLock { $0[id] } ?? name)
  }
}

extension Context {
  /// Waits until the context can no longer be reached; returns at once if it cannot now.
  public func disconnected() async throws {
    let router = try requireRouter()
    let events = await router.disconnects
    guard await router.isReachable(id) else { return }
    for await event in events where event.context == self { return }
    try Task.checkCancellation()
  }

  /// Tells the context to end, with everything below it. Mitogen's `Context.shutdown`.
  ///
  /// Its calls are cancelled, its own children are ended first, and what it has yet to send is sent. A direct child that
  /// does not end within the shutdown time-out is killed.
  ///
  /// - Parameter wait: Whether to wait until it is gone, as by default; a direct child is then reaped.
  /// - Throws: ``StreamError`` without a router, `CancellationError`.
  public func shutdown(wait: Bool = true) async throws {
    try await requireRouter().shutdown(self, wait: wait)
  }

  /// Sends a message to a handle of this context. Mitogen's `Context.send`.
  public func send(
    _ payload: [UInt8], encoding: MessageEncoding = .binary, to handle: Handle, replyTo: Handle = .none
  ) throws {
    try requireRouter().post(
      Message(destination: id, handle: handle, replyTo: replyTo, encoding: encoding, payload: payload))
  }
}
