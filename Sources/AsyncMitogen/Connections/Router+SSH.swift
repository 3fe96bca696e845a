extension Router {
  /// Starts a context on another machine, by OpenSSH's client. Mitogen's `ssh`.
  ///
  /// - Parameters:
  ///   - hostname: The host.
  ///   - username: The account there; what ssh's configuration says if nil.
  ///   - port: The port; what ssh's configuration says if nil.
  ///   - password: The account's password.
  ///   - identityFile: A file with a private key.
  ///   - checkHostKeys: What becomes of hosts whose key is not known; refused by default.
  ///   - identityPassphrase: What that key is encrypted with.
  ///   - identitiesOnly: Whether, if a password or a key is given, no other keys are tried.
  ///   - compression: Whether ssh compresses.
  ///   - keepaliveEnabled: Whether ssh notices by itself that the host is gone.
  ///   - keepaliveInterval: After how many seconds of silence it asks.
  ///   - keepaliveCount: How many of its questions may stay without an answer.
  ///   - sshPath: ssh itself: a path, or a name that is looked for in PATH.
  ///   - sshArguments: Further arguments, put before the host.
  ///   - debugLevel: How much ssh tells of what it does, from 0 to 3.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take from the start of its process until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - image: The program to run there; that of the context that starts it if nil.
  ///   - cache: Where that program is kept there; as the router's configuration says if nil.
  ///   - python: The Python interpreter to start there in place of a program of ours; nil for none.
  ///   - via: The context that starts it; this one if nil.
  ///   - authenticate: Answers what is asked and the options do not answer.
  /// - Throws: ``ConnectionError``, ``PasswordError``, ``HostKeyError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func ssh(
    hostname: String, username: String? = nil, port: Int? = nil, password: Secret? = nil, identityFile: String? = nil,
    checkHostKeys: HostKeyChecking = .enforce, identityPassphrase: Secret? = nil, identitiesOnly: Bool = true,
    compression: Bool = false, keepaliveEnabled: Bool = true, keepaliveInterval: Int = 15, keepaliveCount: Int = 3,
    sshPath: String = "ssh", sshArguments: [String] = [], debugLevel: Int = 0,
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil,
    authenticate: Authenticator? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = SSHConnection(
      hostname: hostname, username: username, port: port, sshPath: sshPath, sshArguments: sshArguments,
      checkHostKeys: checkHostKeys, password: password, identityFile: identityFile,
      identityPassphrase: identityPassphrase, identitiesOnly: identitiesOnly, compression: compression,
      keepaliveEnabled: keepaliveEnabled, keepaliveInterval: keepaliveInterval, keepaliveCount: keepaliveCount,
      debugLevel: debugLevel, isInteractive: authenticate != nil, options: options)
    return try await connect(method, via: via, authenticate: authenticate)
  }
}
