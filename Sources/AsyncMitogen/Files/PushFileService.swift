/// Brings files from a parent to any context below it; every context on the way keeps one copy, and passes it on.
///
/// ```swift
/// // In the parent, which has it in its pool:
/// try await push.propagate("/srv/config.json", to: web1)
/// try await push.propagate("/srv/config.json", to: web2)
///
/// // In `web1`, which may ask before the file has come:
/// let bytes = try await PushFileService.get("/srv/config.json", timeout: .seconds(30))
/// ```
///
/// No link carries a content twice: not for a second context behind it, and not under a second path. A path means what it
/// meant when it was first pushed. Contexts of this library take large files in pieces, each when the one before has
/// been taken; Python ones in one message, as Mitogen sends them. Mitogen's `mitogen.service.PushFileService`.
public actor PushFileService: Service {
  /// Mitogen's name.
  public static var name: String { "mitogen.service.PushFileService" }

  /// The router that it answers on.
  public nonisolated let router: Router
  /// How much it keeps.
  public nonisolated let limits: PushLimits

  nonisolated let shelf: PushShelf
  private var links = PushLinks()
  /// Neighbours from which on those that are gone are looked for.
  private var sweepsAt = 64
  /// Contexts that are to have a file which has not come yet.
  private var forwards: [String: [ContextID]] = [:]
  private var forwardCount = 0
  private var assemblies = PushAssemblies()
  /// How many pieces have come.
  private(set) var partCount = 0
  private var turnstiles: [ContextID: Turnstile] = [:]

  /// How many contexts may wait for files that have not come.
  static let forwardLimit = 65_536
  /// How large the pieces are, in bytes.
  static let partSize = 256 << 10

  static let log = Logger("mitogen.service.push")

  /// Makes a service with the standard limits.
  public init(router: Router) { self.init(router: router, limits: PushLimits()) }

  /// Makes a service.
  public init(router: Router, limits: PushLimits) {
    self.router = router
    self.limits = limits
    shelf = PushShelf(limits: limits)
  }

  /// Those who wait for files get a ``LatchError``.
  public func onShutdown() async { shelf.close() }

  // MARK: what programs use

  /// Sends a file to a context below, unless it has it. Mitogen's `propagate_to`.
  ///
  /// Returns when the next context on the way has the file; that passes it on by itself, and logs it if it cannot.
  ///
  /// - Parameters:
  ///   - path: The file here, and its name there; read when it is first pushed.
  ///   - context: Who is to have it.
  ///   - source: Its content, if it is not to be read. Mitogen's `overridden_source`.
  /// - Throws: ``FileServiceError`` if it cannot be read, or does not fit; ``CallError`` if the next context does not take
  ///   it; ``ChannelError`` if there is no way to the context.
  public nonisolated func propagate(_ path: String, to context: Context, source: [UInt8]? = nil) async throws {
    if shelf.find(path) == nil {
      let (digest, content) = try PushFileService.content(path, source, limits)
      try shelf.add(path, digest, content)
      // Others may have waited for it here.
      await passOnWaiting(path)
    }
    try await deliver(path, to: context.id)
  }

  /// Waits for a file that is pushed to this context. Mitogen's `get`.
  ///
  /// - Parameters:
  ///   - path: Its path at its origin.
  ///   - timeout: How long it may take; without limit if nil.
  /// - Throws: ``TimeoutError``; `CancellationError`; ``LatchError`` if the service ends; ``FileServiceError`` if it cannot
  ///   be read back from the disk.
  public nonisolated func get(_ path: String, timeout: Duration? = nil) async throws -> [UInt8] {
    let content = try await shelf.get(path, timeout: timeout, router: router)
    return try content.read(at: 0, count: content.size)
  }

  /// Waits, in a child, for a file that is pushed to it; the service is made if it is not there.
  ///
  /// - Throws: As the method on a service; ``StreamError`` outside of a child.
  public static func get(_ path: String, timeout: Duration? = nil) async throws -> [UInt8] {
    guard let router = ExternalContext.current?.router else {
      throw StreamError("only a child can be pushed a file; ask the service itself")
    }
    return try await service(of: router).get(path, timeout: timeout)
  }

  /// The service of a context, which its own call brings into being.
  static func service(of router: Router) async throws -> PushFileService {
    try await router.myself.call(prepare)
    guard let service = await router.services.pool?.service(PushFileService.self) else {
      throw LatchError("the service of pushed files has ended")
    }
    return service
  }

  /// How many bytes, and how many files, it keeps.
  public nonisolated var contentSize: (bytes: Int, files: Int) { shelf.size }

  private static func content(
    _ path: String, _ source: [UInt8]?, _ limits: PushLimits
  ) throws -> (digest: Blob, content: PushContent) {
    if let source {
      var assembly = try PushAssembly(size: source.count, inMemoryUpTo: limits.bytesInMemory)
      try assembly.append(source)
      return (assembly.currentDigest, assembly.content)
    }
    let file = try OpenedFile(path)
    let size = file.metadata.size
    guard size <= limits.bytes else { throw PushShelf.full(path) }
    var assembly = try PushAssembly(size: size, inMemoryUpTo: limits.bytesInMemory)
    while !assembly.isComplete {
      try Task.checkCancellation()
      let bytes = try file.read(at: assembly.position, count: min(partSize, size - assembly.position))
      guard !bytes.isEmpty else { throw FileServiceError(.shrank, path: path) }
      try assembly.append(bytes)
    }
    try file.checkUnchanged()
    return (assembly.currentDigest, assembly.content)
  }

  // MARK: what comes

  /// A piece of a file has come; the last one makes the file.
  ///
  /// - Throws: ``FileServiceError`` if it is not the next, does not fit, or the digest is wrong.
  func store(_ part: Part, from source: ContextID) throws {
    partCount += 1
    if shelf.find(part.path) != nil { return }
    let key = PushAssemblies.Key(source: source, digest: part.digest)
    if part.offset == 0 {
      let size = part.size
      let isPossible = assemblies.makeRoom(for: key) {
        size >= 0 && shelf.hasRoom(for: size) && size <= limits.bytes - $0
      }
      guard isPossible else { throw PushShelf.full(part.path) }
      assemblies.put(try PushAssembly(size: size, inMemoryUpTo: limits.bytesInMemory), key)
    }
    // Taken out, so that its bytes are not copied.
    guard var assembly = assemblies.take(key), assembly.position == part.offset, assembly.size == part.size else {
      throw FileServiceError(.incomplete, path: part.path, detail: "a piece is missing")
    }
    try assembly.append(part.data.bytes)
    guard assembly.isComplete else {
      assemblies.put(assembly, key)
      return
    }
    guard assembly.currentDigest == part.digest else { throw FileServiceError(.digestMismatch, path: part.path) }
    try shelf.add(part.path, part.digest, assembly.content)
  }

  // MARK: what goes on

  /// Passes a file on to those behind this context that have been waiting for it.
  func passOnWaiting(_ path: String) {
    let targets = forwards.removeValue(forKey: path) ?? []
    forwardCount -= targets.count
    for target in targets { passOn(path, to: target) }
  }

  /// Passes a file on, now or when it has come; what goes wrong is logged.
  func passOn(_ path: String, to target: ContextID) {
    guard target != router.contextID else { return }
    guard shelf.find(path) != nil else {
      guard forwardCount < PushFileService.forwardLimit else {
        PushFileService.log.error("too many contexts wait for files: context \(target) does not get \(path)")
        return
      }
      forwardCount += 1
      forwards[path, default: []].append(target)
      return
    }
    launchDelivery(path, target)
  }

  private nonisolated func launchDelivery(_ path: String, _ target: ContextID) {
    Task(executorPreference: router.loop.tasks) {
      do { try await self.deliver(path, to: target) } catch {
        PushFileService.log.error("\(path) cannot be passed on to context \(target): \(error)")
      }
    }
  }

  /// Says what a neighbour has to be sent.
  func plan(_ path: String, _ digest: Blob, to hop: ContextID, isTarget: Bool) async -> PushLinks.Delivery {
    if links.count >= sweepsAt {
      var there: Set<ContextID> = []
      for context in await router.reachableContexts { there.insert(context.id) }
      links.keep { there.contains($0) }
      turnstiles = turnstiles.filter { there.contains($0.key) }
      sweepsAt = max(64, 2 * links.count)
    }
    return links.deliver(path, digest, to: hop, isTarget: isTarget)
  }

  /// Contents go to a neighbour one after the other: what is sent under a second path has to be there under the first.
  func turnstile(to hop: ContextID) -> Turnstile {
    if let turnstile = turnstiles[hop] { return turnstile }
    let turnstile = Turnstile()
    turnstiles[hop] = turnstile
    return turnstile
  }

  /// A neighbour has not taken what it was sent.
  func noteFailure(_ path: String, _ digest: Blob, to hop: ContextID) { links.fail(path, digest, to: hop) }
}
