// What other contexts call: Mitogen's methods, and three that only contexts of this library know.
extension PushFileService {
  /// Arguments of ``propagateTo``.
  public struct Propagation: Codable, Sendable {
    /// Who is to have the file.
    public var context: Context
    /// The file.
    public var path: String
    /// Its content, if it is not to be read.
    public var overriddenSource: Blob?

    /// Makes the arguments.
    public init(context: Context, path: String, overriddenSource: Blob? = nil) {
      self.context = context
      self.path = path
      self.overriddenSource = overriddenSource
    }

    private enum CodingKeys: String, CodingKey {
      case context
      case path
      case overriddenSource = "overridden_source"
    }
  }

  /// Arguments of ``propagatePathsAndModules``.
  public struct Propagations: Codable, Sendable {
    /// Who is to have the files.
    public var context: Context
    /// The files.
    public var paths: [String]
    /// The content of those that are not to be read.
    public var overriddenSources: [String: Blob]?

    /// Makes the arguments.
    public init(context: Context, paths: [String], overriddenSources: [String: Blob]? = nil) {
      self.context = context
      self.paths = paths
      self.overriddenSources = overriddenSources
    }

    private enum CodingKeys: String, CodingKey {
      case context
      case paths
      case overriddenSources = "overridden_sources"
    }
  }

  struct File: Codable, Sendable {
    var path: String
    var data: Blob
    var context: Context
  }

  struct Target: Codable, Sendable {
    var path: String
    var context: Context
  }

  struct Part: Codable, Sendable {
    var path: String
    var digest: Blob
    /// The size of the whole file.
    var size: Int
    var offset: Int
    var data: Blob
    var context: Context
  }

  struct Known: Codable, Sendable {
    var path: String
    var digest: Blob
    var context: Context
  }

  /// Sends a file of the called context to a context below it; see ``propagate(_:to:source:)``.
  public static let propagateTo = ServiceMethod<PushFileService, Propagation, NoResult>(
    "propagate_to", policy: .allowParents
  ) { try await $0.propagate($1.path, to: $1.context, source: $1.overriddenSource?.bytes) }

  /// Sends several files. Mitogen's `extra_sys_paths` are for Python's modules, and ignored.
  public static let propagatePathsAndModules = ServiceMethod<PushFileService, Propagations, NoResult>(
    "propagate_paths_and_modules", policy: .allowParents
  ) { service, arguments in
    for path in arguments.paths {
      try await service.propagate(path, to: arguments.context, source: arguments.overriddenSources?[path]?.bytes)
    }
  }

  static let storeAndForward = ServiceMethod<PushFileService, File, NoReply>(
    "store_and_forward", policy: .allowParents
  ) { service, arguments in
    if service.shelf.find(arguments.path) == nil {
      guard service.shelf.hasRoom(for: arguments.data.bytes.count) else { throw PushShelf.full(arguments.path) }
      var assembly = try PushAssembly(size: arguments.data.bytes.count, inMemoryUpTo: service.limits.bytesInMemory)
      try assembly.append(arguments.data.bytes)
      try service.shelf.add(arguments.path, assembly.currentDigest, assembly.content)
    }
    service.passOnWaiting(arguments.path)
    service.passOn(arguments.path, to: arguments.context.id)
  }

  static let forward = ServiceMethod<PushFileService, Target, NoReply>("forward", policy: .allowParents) {
    $0.passOn($1.path, to: $1.context.id)
  }

  static let storePart = ServiceMethod<PushFileService, Part, NoResult>("store_part", policy: .allowParents) {
    service, part in
    guard let message = Message.current else { return }
    try service.store(part, from: message.source)
    guard service.shelf.find(part.path) != nil else { return }
    service.passOnWaiting(part.path)
    service.passOn(part.path, to: part.context.id)
  }

  /// Says whether the content is there.
  static let storeKnown = ServiceMethod<PushFileService, Known, Bool>("store_known", policy: .allowParents) {
    service, known in
    guard try service.shelf.link(known.path, known.digest) else { return false }
    service.passOnWaiting(known.path)
    service.passOn(known.path, to: known.context.id)
    return true
  }

  /// Does nothing: to call it brings the service into being.
  static let prepare = ServiceMethod<PushFileService, NoArguments, NoResult>("prepare", policy: .allowParents) {
    _ in
  }

  /// What other contexts may call.
  @ServiceMethods public static var methods: [AnyServiceMethod<PushFileService>] {
    propagateTo
    propagatePathsAndModules
    storeAndForward
    forward
    storePart
    storeKnown
    prepare
  }
}
