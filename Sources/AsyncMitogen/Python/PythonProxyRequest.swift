extension CallRequest {
  /// Asks a Python context to start another one, as Mitogen's own routers do.
  ///
  /// - Throws: ``ConnectionError`` if an option means nothing to Mitogen.
  static func pythonProxyConnect(_ method: any ConnectionMethod) throws -> [UInt8] {
    let target = proxyConnectTarget
    var writer = try begin(nil, module: target.module, className: nil, function: target.function)
    writer.emptyTuple()
    try writer.value(
      .keywords([
        .init("name", .none), .init("method_name", .string(type(of: method).methodName)),
        .init("kwargs", .keywords(try PythonMethodOptions.entries(of: method))),
      ]))
    return end(writer)
  }
}

/// A connection method's options as Mitogen has them: all in one dictionary, and only those that are set.
enum PythonMethodOptions {
  /// What only contexts of ours do something with.
  private static let ours: Set<String> = ["options", "path", "password_prompts", "interactive"]
  /// What Mitogen lacks, and what must not be left out in silence.
  private static let missing: Set<String> = ["identity_passphrase"]

  static func entries(of method: any ConnectionMethod) throws -> [PickledValue.Entry] {
    guard case .dictionary(let own) = try Unpickled(PickleEncoder().encode(method)).root.value else { return [] }
    let options = method.options
    let common: [PickledValue.Entry] = [
      .init("name", options.name.map { .string($0) } ?? .none),
      .init("remote_name", options.remoteName.map { .string($0) } ?? .none), .init("debug", .bool(options.debug)),
      .init("profiling", .bool(options.profiling)),
      .init("unidirectional", options.unidirectional.map { .bool($0) } ?? .none),
      .init("connect_timeout", .float(options.connectTimeout / .seconds(1))),
      .init("python_path", try Unpickled(PickleEncoder().encode(options.python)).root.value),
    ]
    return try (common + own).filter { entry in
      guard case .string(let name) = entry.key, entry.value != .none else { return false }
      guard !missing.contains(name) else {
        throw ConnectionError.failed(
          method.contextName(processID: 0),
          "a Python context cannot start it: Mitogen's \(type(of: method).methodName) has no \(name)")
      }
      return !ours.contains(name)
    }
  }
}

extension Router {
  /// Whether a context that is to start a Python one is Python itself.
  nonisolated func isPython(_ context: Context) async -> Bool {
    await withCheckedContinuation { continuation in
      understands(context.id) { continuation.resume(returning: !$0) }
    }
  }
}
