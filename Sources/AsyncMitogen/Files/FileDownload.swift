/// How far the copying of a file is.
public struct FileProgress: Sendable, Hashable {
  /// What is known of the file.
  public let metadata: FileMetadata
  /// How much of it is here, in bytes.
  public let position: Int
  /// How much of it was here from an earlier attempt.
  public let resumedFrom: Int
  /// Whether the file has its name: it is all there, and right.
  public let isComplete: Bool
}

/// The copying of a file, which happens as this is iterated: an element after each piece, and one when it has its name.
///
/// Each iteration copies the file. One that ends early, or is cancelled, leaves nothing, or what can be resumed.
public struct FileDownload: AsyncSequence, Sendable {
  /// How far it is.
  public typealias Element = FileProgress

  let path: String
  let context: Context
  let destination: String
  let resumes: Bool
  let synchronizes: Bool
  let timeout: Duration?

  /// Makes an iterator, which copies the file.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(download: self) }

  /// Copies the file, for one task.
  public struct AsyncIterator: AsyncIteratorProtocol {
    private struct Copy {
      let partial: PartialFile
      let transfer: FileTransfer
    }

    private let download: FileDownload
    private var copy: Copy?
    private var isFinished = false

    init(download: FileDownload) { self.download = download }

    /// Copies the next piece; nil when the file has its name.
    ///
    /// - Throws: As ``FileService/get(_:from:to:resumes:synchronizes:timeout:)``.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> FileProgress? {
      guard !isFinished else { return nil }
      do {
        guard let copy else { return try await begin() }
        guard let bytes = try await copy.transfer.incoming.next() else { return try end(copy) }
        try copy.partial.append(bytes)
        return progress(copy, isComplete: false)
      } catch {
        // What came cannot be trusted, nor what an earlier attempt has left.
        if let error = error as? FileServiceError, error.reason == .digestMismatch { copy?.partial.discard() }
        copy?.transfer.cancel()
        isFinished = true
        copy = nil
        throw error
      }
    }

    private mutating func begin() async throws -> FileProgress {
      let partial = try PartialFile(for: download.destination, resumes: download.resumes)
      let digest = try partial.digest()
      let transfer = try await FileService.fetch(
        download.path, from: download.context, offset: partial.size, digest: digest, timeout: download.timeout)
      let copy = Copy(partial: partial, transfer: transfer)
      self.copy = copy
      if partial.size != transfer.offset { try partial.truncate(to: transfer.offset) }
      return progress(copy, isComplete: false)
    }

    private mutating func end(_ copy: Copy) throws -> FileProgress {
      try copy.partial.finish(copy.transfer.metadata, synchronizes: download.synchronizes)
      isFinished = true
      self.copy = nil
      return progress(copy, isComplete: true)
    }

    private func progress(_ copy: Copy, isComplete: Bool) -> FileProgress {
      FileProgress(
        metadata: copy.transfer.metadata, position: copy.partial.size, resumedFrom: copy.transfer.offset,
        isComplete: isComplete)
    }
  }
}
