internal import Glibc

/// Gives files to other contexts, as far as they may have them: the files that are registered, and to parents all.
///
/// ```swift
/// let files = FileService(router: router)
/// let pool = Pool(router: router, services: [files])
/// try await files.registerPrefix("/srv/packages")
///
/// // In a child:
/// let metadata = try await FileService.get("/srv/packages/tool.tar", from: master, to: "/tmp/tool.tar")
/// ```
///
/// Files are read in pieces as fast as their readers take them, each at its own pace, with at most 1 MiB on the way. The
/// content is checked with a BLAKE3 at the end, and a file that changes while it is read is an error. Which file a name
/// leads to is decided when it is opened: nothing outside of a registered directory is given away, whatever links there
/// are and whoever changes them.
///
/// Mitogen's `mitogen.service.FileService`, whose clients may call it. In a child, the first call of a parent makes it.
public actor FileService: Service {
  /// Mitogen's name, by which its clients call.
  public static var name: String { "mitogen.service.FileService" }

  /// The router that it answers on.
  public nonisolated let router: Router
  /// How much it does at once.
  public nonisolated let limits: FileServiceLimits

  private var paths: ServedPaths
  /// What has come from other contexts, by its path there.
  private var relayed: [String: OpenedFile] = [:]
  private var transfers: TransferTable<OutgoingTransfer>
  private var isEnding = false

  static let log = Logger("mitogen.service.files")

  /// Makes a service with the standard limits.
  public init(router: Router) { self.init(router: router, limits: FileServiceLimits()) }

  /// Makes a service.
  public init(router: Router, limits: FileServiceLimits) {
    self.router = router
    self.limits = limits
    paths = ServedPaths(limit: limits.paths)
    transfers = TransferTable(limit: limits.transfers, limitPerContext: limits.transfersPerContext)
  }

  // MARK: what is served

  /// Lets every context have a file, and what a link leads to if it is one. Mitogen's `register`.
  ///
  /// The file is asked for by exactly this path; it need not be there yet.
  ///
  /// - Throws: ``FileServiceError`` if there are too many.
  public func register(_ path: String) throws {
    guard paths.register(path) else { throw tooManyPaths(path) }
  }

  /// Lets every context have the files in a directory, and in the directories below. Mitogen's `register_prefix`.
  ///
  /// Links are followed as long as they stay in the directory.
  ///
  /// - Throws: ``FileServiceError`` if there are too many.
  public func registerPrefix(_ path: String) throws {
    guard paths.registerPrefix(path, in: WorkingDirectory.path) else { throw tooManyPaths(path) }
  }

  private func tooManyPaths(_ path: String) -> FileServiceError {
    FileServiceError(.limit, path: path, detail: "\(limits.paths) paths are registered already")
  }

  /// Gives everybody a file that has come from another context.
  func keep(_ file: OpenedFile) throws {
    guard relayed[file.path] != nil || relayed.count < limits.relays else {
      throw FileServiceError(.limit, path: file.path, detail: "\(limits.relays) files are relayed already")
    }
    relayed[file.path] = file
  }

  /// A file that has come from another context; nil if there is none of that path.
  func relayed(_ path: String) -> OpenedFile? { relayed[path] }

  /// Gives it to nobody any more.
  func endRelay(_ path: String) { relayed[path] = nil }

  // MARK: transfers

  /// A file that is on its way to a context.
  public struct Transfer: Sendable, Hashable, Identifiable {
    /// Names it in its service.
    public let id: UInt64
    /// The file, as it was asked for.
    public let path: String
    /// To which context it goes.
    public let context: Context
    /// The size of the file in bytes.
    public let size: Int
    /// How much of it has been sent.
    public let position: Int
  }

  /// The transfers that are under way, in the order in which they came.
  public var activeTransfers: [Transfer] {
    transfers.all.map { number, transfer in
      Transfer(
        id: number, path: transfer.file.path, context: router.context(transfer.requester),
        size: transfer.file.metadata.size, position: transfer.position)
    }
  }

  /// Ends a transfer before its time; its reader gets a ``FileServiceError``.
  public func cancel(_ id: Transfer.ID) {
    guard let transfer = transfers.transfer(id) else { return }
    transfer.fail(FileServiceError(.cancelled, path: transfer.file.path))
  }

  /// Sends nothing more of a file until it is ended; for tests.
  func stopSending(_ id: Transfer.ID) { transfers.transfer(id)?.setWindow(0) }

  /// Ends all transfers: their readers get errors.
  public func onShutdown() async {
    isEnding = true
    for (_, transfer) in transfers.all { transfer.fail(FileServiceError(.cancelled, path: transfer.file.path)) }
  }

  // MARK: fetch

  /// What a requester may open, to be tried in this order.
  ///
  /// - Throws: ``ServiceError`` if nothing.
  func access(_ path: String, isPrivileged: Bool) throws -> [ServedPaths.Access] {
    let found = paths.access(path, in: WorkingDirectory.path, isPrivileged: isPrivileged)
    guard !found.isEmpty else { throw FileRefusal.notRegistered(path) }
    return found
  }

  /// Keeps a place for a transfer.
  ///
  /// - Throws: ``FileServiceError`` if there are too many.
  func reserve(for requester: ContextID, over hop: ContextID, isPlain: Bool, path: String) throws -> UInt64 {
    guard !isEnding, let number = transfers.reserve(for: requester, over: hop, isPlain: isPlain) else {
      throw FileServiceError(
        .limit, path: path, detail: isEnding ? "the service ends" : "too many transfers are under way")
    }
    return number
  }

  /// Begins to send.
  func begin(_ transfer: OutgoingTransfer) {
    let mayStart = transfers.begin(transfer.number, transfer)
    if !transfer.isExtended, mayStart { transfer.setWindow(TransferWindow.whole) }
    share(transfers.hop(of: transfer.number))
    if isEnding { transfer.fail(FileServiceError(.cancelled, path: transfer.file.path)) }
    launch(transfer)
  }

  private nonisolated func launch(_ transfer: OutgoingTransfer) {
    Task(executorPreference: router.loop.tasks) {
      await transfer.run()
      await self.release(transfer.number)
    }
  }

  /// A transfer has ended, or never begun.
  func release(_ number: UInt64) {
    let hop = transfers.hop(of: number)
    transfers.end(number)?.setWindow(TransferWindow.whole)
    share(hop)
  }

  /// Those who share a link share the window too. Python's clients count in windows of Mitogen's size.
  private func share(_ hop: ContextID?) {
    guard let hop else { return }
    let (window, sharing) = transfers.shares(over: hop)
    for transfer in sharing where transfer.isExtended { transfer.setWindow(window) }
  }

  /// A Python peer has read so much of what it is sent.
  func acknowledge(_ size: Int, from requester: ContextID) {
    // What is acknowledged when the last piece is on its way belongs to a transfer that has ended.
    guard let transfer = transfers.sending(to: requester), !transfer.acknowledge(more: size) else { return }
    FileService.log.debug("context \(requester) acknowledges \(size) bytes, which is more than it was sent")
  }
}

/// Why a file is not given: Mitogen's texts.
enum FileRefusal {
  static let foreignSender = ServiceError("sender= kwarg context must match requestee context")

  static func notRegistered(_ path: String) -> ServiceError {
    ServiceError("Path \(ServiceRefusal.quoted(path)) is not registered with FileService.")
  }
}

/// Where relative paths begin.
enum WorkingDirectory {
  static var path: String {
    var bytes = [CChar](repeating: 0, count: ServedPath.lengthLimit)
    guard unsafe getcwd(&bytes, bytes.count) != nil else { return "/" }
    return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
