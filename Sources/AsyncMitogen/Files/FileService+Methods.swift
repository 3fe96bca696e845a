// What other contexts call.
extension FileService {
  /// The argument of ``register`` and ``registerPrefix``.
  public struct Path: Codable, Sendable {
    /// The file or directory.
    public var path: String

    /// Makes the argument.
    public init(path: String) { self.path = path }
  }

  struct Acknowledgement: Codable, Sendable {
    var size: Int
  }

  /// Lets every context have a file; see ``register(_:)``.
  public static let register = ServiceMethod<FileService, Path, NoResult>("register", policy: .allowParents) {
    try $0.register($1.path)
  }

  /// Lets every context have the files in a directory; see ``registerPrefix(_:)``.
  public static let registerPrefix = ServiceMethod<FileService, Path, NoResult>(
    "register_prefix", policy: .allowParents
  ) { try $0.registerPrefix($1.path) }

  /// Everybody may ask; whether there is an answer depends on the file.
  static let fetchMethod = ServiceMethod<FileService, FetchRequest, NoReply>("fetch", policy: .allowAny) {
    guard let message = Message.current else { return }
    await $0.fetch($1, for: message)
  }

  static let acknowledgeMethod = ServiceMethod<FileService, Acknowledgement, NoReply>(
    "acknowledge", policy: .allowAny
  ) {
    guard let message = Message.current else { return }
    $0.acknowledge($1.size, from: message.source)
  }

  /// What other contexts may call.
  @ServiceMethods public static var methods: [AnyServiceMethod<FileService>] {
    register
    registerPrefix
    fetchMethod
    acknowledgeMethod
    relay
    endRelay
  }

  /// Answers a request for a file, then begins to send it.
  ///
  /// It answers by itself, because nothing of the content may leave before the answer.
  nonisolated func fetch(_ request: FetchRequest, for message: Message) async {
    do {
      try await start(request, for: message)
    } catch {
      FileService.log.debug("context \(message.source) does not get \(request.path): \(error)")
      router.answer(message, failure: error)
    }
  }

  private nonisolated func start(_ request: FetchRequest, for message: Message) async throws {
    guard request.sender.contextID == message.source else { throw FileRefusal.foreignSender }
    let relayed = await relayed(request.path)
    let access =
      try await relayed == nil ? access(request.path, isPrivileged: router.hasParentAuthority(message)) : []
    let hop = await router.neighbour(towards: message.source)
    let isPlain = request.offset == nil
    let number = try await reserve(for: message.source, over: hop, isPlain: isPlain, path: request.path)
    do {
      let file = try relayed ?? FileService.open(request.path, access)
      let (offset, form) = try FileService.beginning(of: file, request)
      let transfer = try OutgoingTransfer(
        number: number, file: file, to: request.sender, from: offset, form: form,
        window: isPlain ? 0 : TransferWindow.least,
        patience: limits.patience, router: router)
      try router.answer(message, payload: FileService.reply(transfer, isPlain))
      await begin(transfer)
    } catch {
      await release(number)
      throw error
    }
  }

  /// Opens what a requester may have.
  private static func open(_ path: String, _ access: [ServedPaths.Access]) throws -> OpenedFile {
    guard ServedPath.isPossible(path) else { throw FileRefusal.notRegistered(path) }
    var failure: BeneathWalk.Failure = .outside
    for way in access {
      switch way {
      case .file(let name):
        do {
          return try OpenedFile(name)
        } catch let error as FileServiceError {
          // By the name that was asked for: the other is nobody's business.
          throw FileServiceError(error.reason, path: path, detail: error.detail)
        }
      case .beneath(let root, let names):
        do {
          return try OpenedFile(try BeneathWalk.open(names, beneath: root), path: path)
        } catch let walk as BeneathWalk.Failure {
          failure = walk
        }
      }
    }
    switch failure {
    case .outside: throw FileRefusal.notRegistered(path)
    case .system(let code): throw FileServiceError(.system(code), path: path)
    }
  }

  /// From where on a file is to be sent.
  private static func beginning(
    of file: OpenedFile, _ request: FetchRequest
  ) throws -> (offset: Int, form: OutgoingTransfer.Form) {
    guard let wanted = request.offset else { return (0, .plain) }
    guard let start = request.key.flatMap(FileDigest.init(key:)) else {
      throw FileServiceError(.incomplete, path: file.path, detail: "the request has no key for the digest")
    }
    guard let prefix = request.prefix, wanted > 0, wanted <= file.metadata.size else { return (0, .extended(start)) }
    let digest = try file.digest(start, upTo: wanted)
    // What is there is not the beginning of this file: it may be that of what the file was before.
    guard digest.finish() == prefix.bytes else { return (0, .extended(start)) }
    return (wanted, .extended(digest))
  }

  private static func reply(_ transfer: OutgoingTransfer, _ isPlain: Bool) throws -> [UInt8] {
    var metadata = transfer.file.metadata
    if transfer.file.isNamed {
      metadata.owner = metadata.ownerID.flatMap { AccountNames.shared.user($0) }
      metadata.group = metadata.groupID.flatMap { AccountNames.shared.group($0) }
    }
    guard isPlain else {
      return try PickleEncoder().encode(
        FetchReply(metadata: metadata, offset: transfer.offset, control: transfer.control))
    }
    metadata.ownerID = nil
    metadata.groupID = nil
    return try PickleEncoder().encode(metadata)
  }
}

extension Router {
  /// The neighbour over which a context is reached; this context for itself, or if there is none.
  func neighbour(towards context: ContextID) -> ContextID {
    guard context != contextID, let link = table.linkOrParent(to: context) else { return contextID }
    return table.links[link]?.remote ?? contextID
  }
}
