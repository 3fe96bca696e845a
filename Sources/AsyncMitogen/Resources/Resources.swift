internal import Synchronization

/// Named bytes of the root of a tree, which every context of it can have: Mitogen's package resources.
///
/// A context asks its parent, each once for however many want it, and so on to the root; every context on the way keeps
/// what has passed through, up to a limit, and gives it to whoever asks next. So what a name stands for must not change
/// once it has been asked for. Get it by ``Router/resources``.
///
/// What is larger than a message may be (``RouterConfiguration/maxMessageSize``, 128 MiB) is for ``FileService``.
public struct Resources: Sendable {
  let router: Router
  private var store: ResourceStore { router.resourceStore }

  /// Gives a name to bytes.
  ///
  /// - Parameters:
  ///   - name: What they are called in their package, at most 1,024 bytes.
  ///   - package: A name for what belongs together, which may be empty. Contexts of Python ask for resources of their
  ///     packages.
  /// - Throws: ``ResourceError`` if this context is not the root of its tree, or 65,536 are registered already.
  public func register(_ bytes: [UInt8], as name: String, in package: String = "") throws {
    try store.register(.bytes(bytes), as: ResourceName(package: package, name: name), router)
  }

  /// Gives a name to a file, which is read whenever somebody asks here, wherever links lead.
  ///
  /// - Throws: As ``register(_:as:in:)``.
  public func register(file path: String, as name: String, in package: String = "") throws {
    try store.register(.file(path), as: ResourceName(package: package, name: name), router)
  }

  /// Gives all files below a directory names: their paths from there. Nothing that is not below it can be had, whatever
  /// links there are.
  ///
  /// - Throws: As ``register(_:as:in:)``.
  public func register(directory path: String, as package: String) throws {
    try store.register(directory: path, as: package, router)
  }

  /// The bytes that have a name.
  ///
  /// - Parameter timeout: How long to wait; nil, the default, waits as long as the parent is there.
  /// - Throws: ``ResourceError``, ``TimeoutError``, `CancellationError`; ``ChannelError`` if this context ends.
  public func get(_ name: String, in package: String = "", timeout: Duration? = nil) async throws -> [UInt8] {
    let name = ResourceName(package: package, name: name)
    guard let content = try await store.get(name, timeout: timeout, router) else {
      throw ResourceError(.notFound, name)
    }
    return content
  }

  /// Whether a name stands for something; if it does, that is here afterwards.
  ///
  /// - Throws: As ``get(_:in:timeout:)``.
  public func contains(_ name: String, in package: String = "", timeout: Duration? = nil) async throws -> Bool {
    try await store.get(ResourceName(package: package, name: name), timeout: timeout, router) != nil
  }
}

extension Router {
  /// What the root of this tree has to give by name; see ``Resources``.
  public nonisolated var resources: Resources { Resources(router: self) }
}
