extension Router {
  /// Starts a context in a container of LXC, by `lxc-attach`. Mitogen's `lxc`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - lxcAttachPath: The program: a path, or a name that is looked for in PATH.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take from the start of its process until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - image: The program to run there; that of the context that starts it if nil.
  ///   - cache: Where that program is kept there; as the router's configuration says if nil.
  ///   - python: The Python interpreter to start there in place of a program of ours; nil for none.
  ///   - via: The context that starts it; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func lxc(
    container: String, lxcAttachPath: String = "lxc-attach",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = LXCConnection(
      container: container, lxcAttachPath: lxcAttachPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a container of LXD, by `lxc exec`. Mitogen's `lxd`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - lxcPath: The program: a path, or a name that is looked for in PATH.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take from the start of its process until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - image: The program to run there; that of the context that starts it if nil.
  ///   - cache: Where that program is kept there; as the router's configuration says if nil.
  ///   - python: The Python interpreter to start there in place of a program of ours; nil for none.
  ///   - via: The context that starts it; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func lxd(
    container: String, lxcPath: String = "lxc",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = LXDConnection(
      container: container, lxcPath: lxcPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a container of Incus, by `incus exec`. Mitogen's `incus`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - incusPath: The program: a path, or a name that is looked for in PATH.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take from the start of its process until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - image: The program to run there; that of the context that starts it if nil.
  ///   - cache: Where that program is kept there; as the router's configuration says if nil.
  ///   - python: The Python interpreter to start there in place of a program of ours; nil for none.
  ///   - via: The context that starts it; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func incus(
    container: String, incusPath: String = "incus",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = IncusConnection(
      container: container, incusPath: incusPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a jail, by `jexec`. Mitogen's `jail`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - username: The account in it; the container's own choice if nil.
  ///   - jexecPath: The program: a path, or a name that is looked for in PATH.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take from the start of its process until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - image: The program to run there; that of the context that starts it if nil.
  ///   - cache: Where that program is kept there; as the router's configuration says if nil.
  ///   - python: The Python interpreter to start there in place of a program of ours; nil for none.
  ///   - via: The context that starts it; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func jail(
    container: String, username: String? = nil, jexecPath: String = "/usr/sbin/jexec",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = JailConnection(
      container: container, username: username, jexecPath: jexecPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a container by entering its namespaces, without a program of its manager in between. Mitogen's
  /// `setns`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - kind: What manages it.
  ///   - username: The account in it.
  ///   - dockerPath: docker, to find it with.
  ///   - podmanPath: podman, to find it with.
  ///   - lxcPath: LXD's client, to find it with.
  ///   - lxcInfoPath: LXC's program that tells about containers.
  ///   - machinectlPath: systemd's program for containers.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take from the start of its process until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - image: The program to run there; that of the context that starts it if nil.
  ///   - cache: Where that program is kept there; as the router's configuration says if nil.
  ///   - python: The Python interpreter to start there in place of a program of ours; nil for none.
  ///   - via: The context that starts it; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func setns(
    container: String, kind: SetnsConnection.Kind, username: String = "root", dockerPath: String = "docker",
    podmanPath: String = "podman", lxcPath: String = "lxc", lxcInfoPath: String = "lxc-info",
    machinectlPath: String = "machinectl",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = SetnsConnection(
      container: container, kind: kind, username: username, dockerPath: dockerPath, podmanPath: podmanPath,
      lxcPath: lxcPath,
      lxcInfoPath: lxcInfoPath, machinectlPath: machinectlPath, options: options)
    return try await connect(method, via: via)
  }
}
