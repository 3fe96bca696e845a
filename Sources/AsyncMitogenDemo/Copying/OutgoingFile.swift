internal import AsyncMitogen

/// A file of this process that is to be copied to targets.
struct OutgoingFile: Sendable {
  let path: String
  let status: FileStatus

  /// Looks at a file.
  init(_ path: String) throws {
    let status = try OpenFile(reading: path).status()
    guard status.kind == .regular else { throw CopyError("'\(path)' is not a file") }
    self.path = path
    self.status = status
  }

  /// Sends it to a context, as fast as that can write it.
  ///
  /// - Parameter sent: Hears of the bytes as they are sent.
  func send(
    to context: Context, as target: String, router: Router, sent: @escaping @Sendable (Int) async -> Void
  ) async throws -> CopyResult {
    // Each target reads at its own pace, and so has the file open on its own.
    let file = try OpenFile(reading: path)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    // The owner will be another, whose rights nobody but they can lend.
    let incoming = IncomingFile(path: target, name: name, permissions: status.permissions & 0o777)
    let introductions = Receiver<Sender<CopyPiece>>(router: router)
    return try await withThrowingTaskGroup(of: CopyResult?.self) { group in
      group.addTask {
        try await context.call(incoming, introductions.sender) { incoming, introductions in
          try await incoming.receive(introducing: introductions)
        }
      }
      group.addTask {
        let pieces = try await introductions.get()
        do {
          try await send(file, to: pieces, sent: sent)
        } catch is ChannelError {
          // Nobody wants the file any more: the call says why.
        }
        return nil
      }
      defer { group.cancelAll() }
      for try await result in group {
        if let result { return result }
      }
      throw CancellationError()
    }
  }

  private func send(
    _ file: OpenFile, to pieces: Sender<CopyPiece>, sent: @Sendable (Int) async -> Void
  ) async throws {
    var total = CopyTotal(bytes: 0, checksum: 0)
    var checksum = Adler32()
    while case let chunk = try file.read(upTo: CopyPiece.size), !chunk.isEmpty {
      checksum.add(chunk)
      total.bytes += chunk.count
      try await pieces.send(CopyPiece(bytes: chunk))
      await sent(chunk.count)
    }
    total.checksum = checksum.value
    try await pieces.send(CopyPiece(bytes: [], total: total))
  }
}
