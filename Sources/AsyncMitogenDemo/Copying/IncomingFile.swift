internal import AsyncMitogen
internal import Glibc

/// A file that is to be written in a target, as it is announced there.
struct IncomingFile: Codable, Sendable {
  /// Where it goes: a path, or a directory.
  var path: String
  /// What it is called in a directory.
  var name: String
  /// Who may do what with it.
  var permissions: UInt32

  /// Writes the file in this process's context, from pieces that are sent to it.
  ///
  /// Until it is complete it has another name, and nobody but its owner can read it.
  ///
  /// - Parameter introductions: Gets the sender of the pieces.
  func receive(introducing introductions: Sender<Sender<CopyPiece>>) async throws -> CopyResult {
    guard let router = ExternalContext.current?.router else { throw CopyError("a file can only be sent to a context") }
    let inbox = Receiver<CopyPiece>(router: router)
    defer { inbox.close() }
    let target = try targetPath()
    let file = try OpenFile.temporary(for: target)
    do {
      try await introductions.send(inbox.sender)
      let total = try await write(inbox, to: file)
      try file.setMode(permissions)
      // Who gives up until now gets nothing.
      try Task.checkCancellation()
      try file.rename(to: target)
      return CopyResult(path: target, bytes: total.bytes)
    } catch {
      file.remove()
      throw error
    }
  }

  private func write(_ pieces: Receiver<CopyPiece>, to file: OpenFile) async throws -> CopyTotal {
    var received = CopyTotal(bytes: 0, checksum: 0)
    var checksum = Adler32()
    for try await piece in pieces {
      try file.write(piece.bytes)
      received.bytes += piece.bytes.count
      checksum.add(piece.bytes)
      guard let total = piece.total else { continue }
      received.checksum = checksum.value
      guard received == total else {
        throw CopyError("what arrived is not what was sent: \(received.bytes) of \(total.bytes) bytes")
      }
      return total
    }
    throw CopyError("the file ended after \(received.bytes) bytes")
  }

  private func targetPath() throws -> String {
    let isDirectory = FileStatus.of(path)?.kind == .directory || path.hasSuffix("/")
    let whole = isDirectory ? path + (path.hasSuffix("/") ? "" : "/") + name : path
    guard let status = FileStatus.of(whole) else { return whole }
    // A device that is replaced by a file is gone.
    guard status.kind == .regular else { throw CopyError("'\(whole)' is there, and is not a file") }
    return IncomingFile.resolved(whole)
  }

  /// The path without symbolic links: not the link is to be replaced, but what it leads to.
  private static func resolved(_ path: String) -> String {
    guard let real = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }
}

/// A file could not be copied, and why.
struct CopyError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
