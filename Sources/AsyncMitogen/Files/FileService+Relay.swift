// Files of other contexts that a context gives on.
extension FileService {
  /// The arguments of ``relay``.
  public struct Relay: Codable, Sendable {
    /// The file, as the other context names it.
    public var path: String
    /// Which context has it.
    public var origin: Context
    /// Hears how many bytes have come: at the beginning, and at most ten times a second.
    public var progress: Sender<Int>?

    /// Makes the arguments.
    public init(path: String, origin: Context, progress: Sender<Int>? = nil) {
      self.path = path
      self.origin = origin
      self.progress = progress
    }
  }

  /// Fetches a file of another context, and gives it from then on to every context that asks for it here: by the same
  /// path, with the same metadata, and in place of a file that has this path here.
  ///
  /// So a file that many contexts want which lie behind one comes once as far as that:
  ///
  /// ```swift
  /// try await bastion.call(FileService.relay, .init(path: "/srv/image", origin: router.myself))
  /// for web in webs {
  ///   try await web.call(bastion) { bastion in
  ///     try await FileService.get("/srv/image", from: bastion, to: "/tmp/image")
  ///   }
  /// }
  /// ```
  ///
  /// Returns when all of the file is there, and right. It is kept as it was then, on the disk without a name, in `TMPDIR`
  /// or `/tmp`, until ``endRelay`` or the end of the context; fetched again, it replaces what was kept. Throws as
  /// ``fetch(_:from:timeout:)`` and iterating what it returns; ``FileServiceError`` if it cannot be kept. Not in Mitogen.
  public static let relay = ServiceMethod<FileService, Relay, NoResult>("relay", policy: .allowParents) {
    try await $0.relay($1)
  }

  /// Gives a relayed file to nobody any more; transfers of it that are under way come to their end.
  public static let endRelay = ServiceMethod<FileService, Path, NoResult>("end_relay", policy: .allowParents) {
    $0.endRelay($1.path)
  }

  /// Who hears of progress hears of it no sooner than that after the last time.
  private static let relayPause = Duration.milliseconds(100)

  /// Fetches a file and keeps it; not on the service, so that writing holds up nobody who wants another.
  @concurrent private nonisolated func relay(_ request: Relay) async throws {
    let transfer = try await FileService.fetch(request.path, from: request.origin)
    let spool = try FileDescriptor.makeSpool()
    var position = 0
    try await request.progress?.send(position)
    var heard = ContinuousClock.now
    for try await bytes in transfer {
      try spool.append(bytes, at: &position, path: request.path)
      let now = ContinuousClock.now
      guard let progress = request.progress, heard.duration(to: now) >= FileService.relayPause else { continue }
      heard = now
      try await progress.send(position)
    }
    try await keep(OpenedFile(spool, path: request.path, metadata: transfer.metadata))
  }
}
