internal import Synchronization

/// Starts contexts from other ones. Mitogen's `proxy_connect`.
extension Router {
  /// Asks another context to start one.
  nonisolated func connect(
    _ method: any ConnectionMethod, through via: Context, _ authenticate: Authenticator?
  ) async throws -> Context {
    let reply: ProxyConnectReply
    if method.options.python != nil, await isPython(via) {
      // It answers nothing itself, and asks nobody.
      let request = try CallRequest.pythonProxyConnect(method)
      reply = try await call(request, in: via, timeout: nil, as: ProxyConnectReply.self)
    } else if let authenticate {
      reply = try await connect(method, through: via, asking: authenticate)
    } else {
      let request = try CallRequest.proxyConnect(method, authenticator: nil)
      reply = try await call(request, in: via, timeout: nil, as: ProxyConnectReply.self)
    }
    if let error = reply.passwordError { throw error }
    if let error = reply.hostKeyError { throw error }
    if let error = reply.error { throw error.passing(contextID) }
    guard let number = reply.id else {
      throw StreamError(reply.message ?? "context \(via.id) started nothing, and did not say why")
    }
    let id = ContextID(rawValue: number)
    let name = [via.name, reply.name].compactMap { $0 }.joined(separator: ".")
    names.withLock { $0.set(id, name) }
    return context(id)
  }

  /// As the other, answering questions meanwhile.
  private nonisolated func connect(
    _ method: any ConnectionMethod, through via: Context, asking authenticate: @escaping Authenticator
  ) async throws -> ProxyConnectReply {
    let questions = Receiver<AuthenticationQuestion>(router: self, respondent: via)
    defer { questions.close() }
    let request = try CallRequest.proxyConnect(method, authenticator: questions.sender)
    return try await withThrowingTaskGroup(of: ProxyConnectReply?.self) { group in
      group.addTask { try await self.call(request, in: via, timeout: nil, as: ProxyConnectReply.self) }
      group.addTask {
        for try await question in questions {
          try await question.answer.send(AuthenticationAnswer(secret: try await authenticate(question.request)))
        }
        return nil
      }
      defer { group.cancelAll() }
      while let result = try await group.next() {
        if let result { return result }
      }
      throw StreamError("context \(via.id) did not answer")
    }
  }
}

extension ConnectionError {
  /// The same error, seen from one context further up.
  fileprivate func passing(_ context: ContextID) -> ConnectionError {
    var error = self
    error.route.insert(context, at: 0)
    return error
  }
}

/// What a context answers when it has been asked to start another one: Mitogen's dictionary, and ours in it.
struct ProxyConnectReply: Codable, Sendable {
  var id: UInt32?
  var name: String?
  var message: String?
  var error: ConnectionError?
  var passwordError: PasswordError?
  var hostKeyError: HostKeyError?

  enum CodingKeys: String, CodingKey {
    case id
    case name
    case message = "msg"
    case error
    case passwordError = "password_error"
    case hostKeyError = "host_key_error"
  }
}

extension ProxyConnectReply {
  /// Writes all of Mitogen's entries, for it looks at each of them; ours only if there is something to tell.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(name, forKey: .name)
    try container.encode(message, forKey: .message)
    try container.encodeIfPresent(error, forKey: .error)
    try container.encodeIfPresent(passwordError, forKey: .passwordError)
    try container.encodeIfPresent(hostKeyError, forKey: .hostKeyError)
  }
}

/// What a program asks, on its way to whoever connects.
struct AuthenticationQuestion: Codable, Sendable {
  var request: AuthenticationRequest
  var answer: Sender<AuthenticationAnswer>
}

/// What is answered; nothing gives up.
struct AuthenticationAnswer: Codable, Sendable {
  var secret: Secret?
}
