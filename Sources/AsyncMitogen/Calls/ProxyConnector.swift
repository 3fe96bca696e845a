/// Starts a context because another one, above, asked for it. Mitogen's `_proxy_connect`.
enum ProxyConnector {
  /// The methods that are known by Mitogen's names.
  private static let methods: [String: any ConnectionMethod.Type] = [LocalConnection.methodName: LocalConnection.self]

  static func connect(
    _ keywords: Unpickled.Node, router: Router, userInfo: [CodingUserInfoKey: any Sendable]
  ) async throws -> [UInt8] {
    guard let name = keywords["method_name"]?.text, let options = keywords["kwargs"] else {
      throw StreamError("invalid message: no method to connect with")
    }
    guard let type = methods[name] else {
      throw CallTargetError(target: name, reason: "this program has no connection method of that name")
    }
    return try PickleEncoder().encode(try await connect(type, options, router, userInfo))
  }

  private static func connect<Method: ConnectionMethod>(
    _ type: Method.Type, _ options: Unpickled.Node, _ router: Router, _ userInfo: [CodingUserInfoKey: any Sendable]
  ) async throws -> ProxyConnectReply {
    do {
      let context = try await router.connect(try options.decode(type, userInfo: userInfo))
      return ProxyConnectReply(id: context.id.rawValue, name: context.name)
    } catch let error as ConnectionError {
      return ProxyConnectReply(message: "error occurred on host \(HostFacts.hostName): \(error)", error: error)
    }
  }
}
