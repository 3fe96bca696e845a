// The client's side: what a context does that wants a file.
extension FileService {
  /// How much a reader holds of what it has not taken: more than a server may be ahead, Python's included.
  private static let incomingLimit = QueueLimit(messages: 4_096, bytes: 8 << 20)

  /// Asks a context's ``FileService`` for a file, and gives its content piece by piece. Python peers can be asked too.
  ///
  /// - Parameters:
  ///   - path: The file, absolute, or relative to where the other process runs.
  ///   - context: Which context has it.
  ///   - timeout: How long the other side may be silent; without limit if nil.
  /// - Throws: ``CallError`` if it is refused or cannot be read: its ``CallError/thrown(as:)`` is a ``ServiceError`` or a
  ///   ``FileServiceError``; ``ChannelError`` if the context is gone or has no service pool; ``TimeoutError``;
  ///   `CancellationError`.
  public static func fetch(
    _ path: String, from context: Context, timeout: Duration? = nil
  ) async throws -> FileTransfer {
    try await fetch(path, from: context, offset: 0, digest: FileDigest(), timeout: timeout)
  }

  /// Asks for what comes after `offset`, if the file begins with what has this digest; else for all of it.
  static func fetch(
    _ path: String, from context: Context, offset: Int, digest: FileDigest, timeout: Duration?
  ) async throws -> FileTransfer {
    let router = try context.requireRouter()
    let isExtended = try await router.understands(context.id)
    let receiver = Receiver<Message>(router: router, respondent: context, limit: incomingLimit)
    do {
      let request = FetchRequest(
        path: path, sender: receiver.sender, offset: isExtended ? offset : nil, key: isExtended ? digest.key : nil,
        prefix: isExtended && offset > 0 ? Blob(digest.finish()) : nil)
      let payload = try ServiceRequest.encode(service: FileService.name, method: fetchMethod.name, request)
      guard isExtended else {
        let metadata = try await router.call(
          payload, in: context, handle: .callService, timeout: timeout, as: FileMetadata.self)
        return transfer(path, metadata, 0, digest, nil, context, receiver, timeout, router)
      }
      let reply = try await router.call(
        payload, in: context, handle: .callService, timeout: timeout, as: FetchReply.self)
      guard reply.offset == 0 || reply.offset == offset, reply.offset <= reply.metadata.size else {
        throw FileServiceError(.incomplete, path: path, detail: "the server begins at \(reply.offset)")
      }
      let start = reply.offset == offset ? digest : digest.fresh
      return transfer(
        path, reply.metadata, reply.offset, start, reply.control, context, receiver, timeout, router)
    } catch {
      receiver.close()
      throw error
    }
  }

  private static func transfer(
    _ path: String, _ metadata: FileMetadata, _ offset: Int, _ digest: FileDigest, _ control: Handle?,
    _ context: Context, _ receiver: Receiver<Message>, _ timeout: Duration?, _ router: Router
  ) -> FileTransfer {
    FileTransfer(
      metadata: metadata, offset: offset,
      incoming: IncomingTransfer(
        path: path, size: metadata.size, offset: offset, digest: digest, control: control, server: context.id,
        receiver: receiver, timeout: timeout, router: router))
  }

  /// Copies a file of another context to a file here, and waits until that is done. Mitogen's `FileService.get`.
  ///
  /// The content goes into a file of another name in the same directory, which gets the permissions (the last nine bits)
  /// and times of the original, and then its name, in place of what had it. So under that name is always the old file or
  /// all of the new one, which has been checked.
  ///
  /// - Parameters:
  ///   - path: The file there.
  ///   - context: Which context has it.
  ///   - destination: The file here.
  ///   - resumes: Whether an attempt that fails leaves what it has, in `.NAME.partial`, and goes on with what an earlier
  ///     one has left there, if that is the beginning of the file; not by default. Nothing is kept if digests differ.
  ///   - synchronizes: Whether to wait until the disk has it; not by default.
  ///   - timeout: How long the other side may be silent; without limit if nil.
  /// - Returns: What is known of the file.
  /// - Throws: As ``fetch(_:from:timeout:)`` and iterating what it returns; ``FileServiceError`` if the file here cannot be
  ///   written.
  @discardableResult
  public static func get(
    _ path: String, from context: Context, to destination: String, resumes: Bool = false, synchronizes: Bool = false,
    timeout: Duration? = nil
  ) async throws -> FileMetadata {
    let download = download(
      path, from: context, to: destination, resumes: resumes, synchronizes: synchronizes, timeout: timeout)
    var metadata: FileMetadata?
    for try await progress in download { metadata = progress.metadata }
    guard let metadata else { throw CancellationError() }
    return metadata
  }

  /// As ``get(_:from:to:resumes:synchronizes:timeout:)``, and says how far it is: the file is copied as the result is
  /// iterated.
  ///
  /// ```swift
  /// for try await progress in FileService.download("/srv/image", from: master, to: "/tmp/image") {
  ///   print("\(progress.position) of \(progress.metadata.size) bytes")
  /// }
  /// ```
  public static func download(
    _ path: String, from context: Context, to destination: String, resumes: Bool = false, synchronizes: Bool = false,
    timeout: Duration? = nil
  ) -> FileDownload {
    FileDownload(
      path: path, context: context, destination: destination, resumes: resumes, synchronizes: synchronizes,
      timeout: timeout)
  }
}

extension Router {
  /// Asks, once, whether a context is of our kind.
  nonisolated func understands(_ context: ContextID) async throws -> Bool {
    let answer = KindAnswer()
    understands(context) { answer.give($0) }
    return try await answer.get()
  }
}
