/// Starts a context because another one, above, asked for it. Mitogen's `_proxy_connect`.
enum ProxyConnector {
  static func connect(
    _ keywords: Unpickled.Node, router: Router, userInfo: [CodingUserInfoKey: any Sendable]
  ) async throws -> [UInt8] {
    guard let name = keywords["method_name"]?.text, let options = keywords["kwargs"] else {
      throw StreamError("invalid message: no method to connect with")
    }
    guard let type = KnownMethods.all[name] else {
      throw CallTargetError(target: name, reason: "this program has no connection method of that name")
    }
    // Ours have the common options apart from the method's own.
    guard options["options"] != nil else {
      return try PickleEncoder().encode(try await connect(name, asPython: keywords["name"], options, router))
    }
    let questions = try keywords["authenticator"].flatMap { node in
      node.isNone ? nil : try node.decode(Sender<AuthenticationQuestion>.self, userInfo: userInfo)
    }
    let authenticate = questions.map { ask($0, router) }
    return try PickleEncoder().encode(try await connect(type, options, router, authenticate, userInfo))
  }

  private static func connect<Method: ConnectionMethod>(
    _ type: Method.Type, _ options: Unpickled.Node, _ router: Router, _ authenticate: Authenticator?,
    _ userInfo: [CodingUserInfoKey: any Sendable]
  ) async throws -> ProxyConnectReply {
    do {
      let method = try options.decode(type, userInfo: userInfo)
      let context = try await router.connect(method, authenticate: authenticate)
      return ProxyConnectReply(id: context.id.rawValue, name: context.name)
    } catch let error as ConnectionError {
      return ProxyConnectReply(message: message(error), error: error)
    } catch let error as PasswordError {
      return ProxyConnectReply(message: message(error), passwordError: error)
    } catch let error as HostKeyError {
      return ProxyConnectReply(message: message(error), hostKeyError: error)
    }
  }

  /// Does what a Python context asks for: it understands text.
  private static func connect(
    _ methodName: String, asPython name: Unpickled.Node?, _ options: Unpickled.Node, _ router: Router
  ) async throws -> ProxyConnectReply {
    do {
      let method = try PythonMethodForm.method(methodName, name: name?.text, options: options.value)
      let context = try await router.connect(method)
      return ProxyConnectReply(id: context.id.rawValue, name: context.name)
    } catch let error as CancellationError {
      throw error
    } catch {
      return ProxyConnectReply(message: message(error))
    }
  }

  private static func message(_ error: any Error) -> String {
    "error occurred on host \(HostFacts.hostName): \(error)"
  }

  /// Passes what is asked here on to whoever connects.
  private static func ask(_ questions: Sender<AuthenticationQuestion>, _ router: Router) -> Authenticator {
    { request in
      let answers = Receiver<AuthenticationAnswer>(router: router, persist: false)
      defer { answers.close() }
      try await questions.send(AuthenticationQuestion(request: request, answer: answers.sender))
      return try await answers.get().secret
    }
  }
}
