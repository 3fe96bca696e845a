internal import AsyncMitogen
internal import Glibc

/// A file that is to come to a process from another context: what `copy` and `fetch` are told.
struct IncomingFile: Codable, Equatable, Sendable {
  /// The file where it is.
  var source: String
  /// Where it goes: a path, or a directory, in which it keeps its name.
  var destination: String
  /// Whether an attempt that fails leaves what it has, and goes on with what an earlier one has left.
  var resumes = false

  /// A person reads no faster.
  private static let pause = Duration.milliseconds(100)

  /// Fetches it to this process.
  ///
  /// - Parameter report: Hears how far that is, at most ten times a second.
  func fetch(
    from origin: Context, report: (FileProgress) async throws -> Void
  ) async throws -> TransferResult {
    var result = TransferResult(path: try path(), bytes: 0)
    var reported: ContinuousClock.Instant?
    do {
      for try await progress in FileService.download(source, from: origin, to: result.path, resumes: resumes) {
        result.bytes = progress.position
        let now = ContinuousClock.now
        if let reported, reported.duration(to: now) < IncomingFile.pause { continue }
        reported = now
        try await report(progress)
      }
    } catch let error as FileServiceError {
      throw IncomingFile.plain(error, "write")
    } catch let error as CallError {
      // What has gone wrong at the other side, without the call in which it did.
      throw error.thrown(as: FileServiceError.self).map { IncomingFile.plain($0, "read") } ?? error
    }
    return result
  }

  private static func plain(_ error: FileServiceError, _ action: String) -> any Error {
    guard case .system(let code) = error.reason else { return error }
    return FileError(action: action, path: error.path, code: code)
  }

  private func path() throws -> String {
    let isDirectory = FileStatus.of(destination)?.kind == .directory || destination.hasSuffix("/")
    let name = source.split(separator: "/").last.map(String.init) ?? source
    let path = isDirectory ? destination + (destination.hasSuffix("/") ? "" : "/") + name : destination
    guard let status = FileStatus.of(path) else { return path }
    // A device that is replaced by a file is gone.
    guard status.kind == .regular else { throw TransferError("'\(path)' is there, and is not a file") }
    // Not a link is to be replaced, but what it leads to.
    guard let real = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }
}

/// What became of a file that has been transferred.
struct TransferResult: Codable, Sendable, Equatable {
  /// The path that it has now.
  var path: String
  var bytes: Int
}

/// A file could not be transferred, and why.
struct TransferError: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
