/// How much a ``FileService`` does for others at once.
public struct FileServiceLimits: Sendable, Hashable {
  /// How many transfers there may be, each of which has a file open: 256 by default.
  public var transfers: Int
  /// How many of them may go to one context: 64 by default.
  public var transfersPerContext: Int
  /// How many files and directories may be registered: 65,536 by default.
  public var paths: Int
  /// How many files of other contexts may be relayed, each of which is open: 64 by default.
  public var relays: Int
  /// How long a Python peer may take nothing of a file before it is given up: 5 minutes by default. Contexts of this
  /// library say when they want no more.
  public var patience: Duration

  /// Makes limits.
  public init(
    transfers: Int = 256, transfersPerContext: Int = 64, paths: Int = 65_536, relays: Int = 64,
    patience: Duration = .seconds(300)
  ) {
    self.transfers = max(1, transfers)
    self.transfersPerContext = max(1, transfersPerContext)
    self.paths = max(1, paths)
    self.relays = max(1, relays)
    self.patience = patience
  }
}
