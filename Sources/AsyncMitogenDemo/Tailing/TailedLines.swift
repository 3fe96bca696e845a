internal import AsyncMitogen

/// Lines of a file that is followed, on their way to the master.
struct TailedLines: Codable, Sendable {
  /// Where the file is.
  var context: ContextID
  var lines: [String] = []
  /// Something that happened to the file, behind these lines.
  var notice: String?
}
