extension Router {
  /// Starts a context in a running container, by `docker exec`. Mitogen's `docker`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - username: The account in it; the container's own choice if nil.
  ///   - dockerPath: The program: a path, or a name that is looked for in PATH.
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
  public nonisolated func docker(
    container: String, username: String? = nil, dockerPath: String = "docker",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = DockerConnection(
      container: container, username: username, dockerPath: dockerPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a new container of an image, which ends with it, by `docker run`. Mitogen's `docker`.
  ///
  /// - Parameters:
  ///   - image: The name of the image.
  ///   - username: The account in it; the container's own choice if nil.
  ///   - dockerPath: The program: a path, or a name that is looked for in PATH.
  ///   - remoteName: How it is called in process listings; `user@host:pid` of its parent if nil.
  ///   - debug: Whether it, and all below it, log everything.
  ///   - connectTimeout: How long it may take from the start of its process until it is up; 30 s by default.
  ///   - profiling: Whether it reports where it spent its time.
  ///   - unidirectional: Whether contexts below it may only talk to their parents; as the router's if nil.
  ///   - program: The program to run there; that of the context that starts it if nil.
  ///   - cache: Where that program is kept there; as the router's configuration says if nil.
  ///   - python: The Python interpreter to start there in place of a program of ours; nil for none.
  ///   - via: The context that starts it; this one if nil.
  /// - Throws: ``ConnectionError``, `CancellationError`, and what a call of `via` throws.
  public nonisolated func docker(
    image: String, username: String? = nil, dockerPath: String = "docker",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, program: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: program, cache: cache, python: python)
    let method = DockerConnection(
      image: image, username: username, dockerPath: dockerPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a running container, by `podman exec`. Mitogen's `podman`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - username: The account in it; the container's own choice if nil.
  ///   - podmanPath: The program: a path, or a name that is looked for in PATH.
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
  public nonisolated func podman(
    container: String, username: String? = nil, podmanPath: String = "podman",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = PodmanConnection(
      container: container, username: username, podmanPath: podmanPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a working container, by `buildah run`. Mitogen's `buildah`.
  ///
  /// - Parameters:
  ///   - container: Its name.
  ///   - username: The account in it; the container's own choice if nil.
  ///   - buildahPath: The program: a path, or a name that is looked for in PATH.
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
  public nonisolated func buildah(
    container: String, username: String? = nil, buildahPath: String = "buildah",
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = BuildahConnection(
      container: container, username: username, buildahPath: buildahPath, options: options)
    return try await connect(method, via: via)
  }

  /// Starts a context in a pod, by `kubectl exec`. Mitogen's `kubectl`.
  ///
  /// - Parameters:
  ///   - pod: Its name.
  ///   - kubectlPath: The program: a path, or a name that is looked for in PATH.
  ///   - kubectlArguments: Arguments put before the name of the pod.
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
  public nonisolated func kubectl(
    pod: String, kubectlPath: String = "kubectl", kubectlArguments: [String] = [],
    remoteName: String? = nil, debug: Bool = false, connectTimeout: Duration = .seconds(30), profiling: Bool = false,
    unidirectional: Bool? = nil, image: ProgramImage? = nil, cache: ImageCache? = nil, python: PythonProgram? = nil,
    via: Context? = nil
  ) async throws -> Context {
    let options = ConnectionOptions(
      remoteName: remoteName, debug: debug, profiling: profiling, unidirectional: unidirectional,
      connectTimeout: connectTimeout, image: image, cache: cache, python: python)
    let method = KubectlConnection(
      pod: pod, kubectlPath: kubectlPath, kubectlArguments: kubectlArguments, options: options)
    return try await connect(method, via: via)
  }
}
