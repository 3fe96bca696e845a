/// How much a ``PushFileService`` keeps. What is more is refused: nothing is forgotten that a context may yet ask for.
public struct PushLimits: Sendable, Hashable {
  /// How many bytes of files it keeps, 256 MiB by default. Files with the same content count once.
  public var bytes: Int
  /// How many paths it knows, 16,384 by default.
  public var files: Int
  /// Up to which size a file is kept in memory, 1 MiB by default; larger ones are kept in a file without a name, in
  /// `TMPDIR` or `/tmp`.
  public var bytesInMemory: Int

  /// Makes limits.
  public init(bytes: Int = 256 << 20, files: Int = 16_384, bytesInMemory: Int = 1 << 20) {
    self.bytes = max(0, bytes)
    self.files = max(1, files)
    self.bytesInMemory = max(0, bytesInMemory)
  }
}
