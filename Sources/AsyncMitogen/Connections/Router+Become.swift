extension Router {
  /// Starts a context as another user of the same machine, by sudo. Mitogen's `sudo`.
  ///
  /// - Parameters:
  ///   - username: Who to become; as `sudoArguments` say, or root, if nil.
  ///   - password: What sudo asks for: by its default the password of the user who runs it.
  ///   - sudoPath: sudo itself: a path, or a name that is looked for in PATH.
  ///   - preserveEnvironment: Whether the environment is kept.
  ///   - setHome: Whether HOME is the other user's.
  ///   - login: Whether it is as after a log-in.
  ///   - selinuxRole: The role of the new security context.
  ///   - selinuxType: The type of the new security context.
  ///   - sudoArguments: Arguments as somebody would give them to sudo; what is set above has precedence.
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
  /// - Throws: ``ConnectionError``, ``PasswordError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func sudo(
    username: String? = nil, password: Secret? = nil, sudoPath: String = "sudo", preserveEnvironment: Bool? = nil,
    setHome: Bool? = nil, login: Bool? = nil, selinuxRole: String? = nil, selinuxType: String? = nil,
    sudoArguments: [String] = [],
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil,
    authenticate: Authenticator? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = SudoConnection(
      username: username, sudoPath: sudoPath, password: password, preserveEnvironment: preserveEnvironment,
      setHome: setHome, login: login, selinuxRole: selinuxRole, selinuxType: selinuxType,
      sudoArguments: sudoArguments, isInteractive: authenticate != nil, options: options)
    return try await connect(method, via: via, authenticate: authenticate)
  }

  /// Starts a context as another user of the same machine, by su. Mitogen's `su`.
  ///
  /// - Parameters:
  ///   - username: Who to become.
  ///   - password: The other user's password.
  ///   - suPath: su itself: a path, or a name that is looked for in PATH.
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
  /// - Throws: ``ConnectionError``, ``PasswordError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func su(
    username: String = "root", password: Secret? = nil, suPath: String = "su",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil,
    authenticate: Authenticator? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = SuConnection(
      username: username, password: password, suPath: suPath, isInteractive: authenticate != nil, options: options)
    return try await connect(method, via: via, authenticate: authenticate)
  }

  /// Starts a context as another user of the same machine, by doas. Mitogen's `doas`.
  ///
  /// - Parameters:
  ///   - username: Who to become.
  ///   - password: The password of the user who runs it.
  ///   - doasPath: doas itself: a path, or a name that is looked for in PATH.
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
  /// - Throws: ``ConnectionError``, ``PasswordError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func doas(
    username: String = "root", password: Secret? = nil, doasPath: String = "doas",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil,
    authenticate: Authenticator? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = DoasConnection(
      username: username, password: password, doasPath: doasPath, isInteractive: authenticate != nil, options: options)
    return try await connect(method, via: via, authenticate: authenticate)
  }
}
