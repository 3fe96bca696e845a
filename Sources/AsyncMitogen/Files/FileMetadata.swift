/// What is known of a file beside its content.
///
/// Mitogen's dictionary of `size`, `mode`, `owner`, `group`, `mtime` and `atime`; between contexts of this library it has
/// the numbers of owner and group too, and times to the nanosecond.
public struct FileMetadata: Sendable, Hashable {
  /// A moment: seconds since 1970, and nanoseconds after them.
  public struct Time: Sendable, Hashable {
    /// Seconds since 1970.
    public var seconds: Int
    /// Nanoseconds after that, below 1,000,000,000.
    public var nanoseconds: Int

    /// Makes a moment.
    public init(seconds: Int, nanoseconds: Int) {
      self.seconds = seconds
      self.nanoseconds = nanoseconds
    }

    init(_ seconds: Double) {
      // What a peer says may be no number of seconds at all.
      guard seconds.isFinite, abs(seconds) < 1e15 else {
        self.init(seconds: 0, nanoseconds: 0)
        return
      }
      let whole = seconds.rounded(.down)
      self.init(seconds: Int(whole), nanoseconds: min(999_999_999, Int(((seconds - whole) * 1e9).rounded())))
    }

    /// As a number of seconds, which is exact to about a microsecond.
    public var interval: Double { Double(seconds) + Double(nanoseconds) / 1e9 }
  }

  /// The size in bytes.
  public var size: Int
  /// Type and permissions, as `st_mode` has them.
  public var mode: UInt32
  /// The account that owns it; nil if it has no name in the server's `/etc/passwd`.
  public var owner: String?
  /// The group that owns it; nil if it has no name in the server's `/etc/group`.
  public var group: String?
  /// The number of the account; nil from a Python peer.
  public var ownerID: UInt32?
  /// The number of the group; nil from a Python peer.
  public var groupID: UInt32?
  /// When its content was last changed.
  public var modified: Time
  /// When it was last read.
  public var accessed: Time

  /// Makes metadata.
  public init(
    size: Int, mode: UInt32, owner: String? = nil, group: String? = nil, ownerID: UInt32? = nil, groupID: UInt32? = nil,
    modified: Time, accessed: Time
  ) {
    self.size = size
    self.mode = mode
    self.owner = owner
    self.group = group
    self.ownerID = ownerID
    self.groupID = groupID
    self.modified = modified
    self.accessed = accessed
  }

  /// Who may do what with it: the last nine bits of the mode.
  public var permissions: UInt32 { mode & 0o777 }
}

extension FileMetadata: Codable {
  private enum CodingKeys: String, CodingKey {
    case size
    case mode
    case owner
    case group
    case mtime
    case atime
    case ownerID = "uid"
    case groupID = "gid"
    case modifiedNanoseconds = "mtime_ns"
    case accessedNanoseconds = "atime_ns"
  }

  /// Reads Mitogen's dictionary, with what is added to it if it is there.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    size = try container.decode(Int.self, forKey: .size)
    mode = try container.decode(UInt32.self, forKey: .mode)
    guard size >= 0 else {
      throw DecodingError.dataCorruptedError(forKey: .size, in: container, debugDescription: "a size of \(size) bytes")
    }
    owner = try container.decodeIfPresent(String.self, forKey: .owner)
    group = try container.decodeIfPresent(String.self, forKey: .group)
    ownerID = try container.decodeIfPresent(UInt32.self, forKey: .ownerID)
    groupID = try container.decodeIfPresent(UInt32.self, forKey: .groupID)
    func time(_ key: CodingKeys, _ nanosecondsKey: CodingKeys) throws -> Time {
      guard let nanoseconds = try container.decodeIfPresent(Int.self, forKey: nanosecondsKey) else {
        return Time(try container.decode(Double.self, forKey: key))
      }
      let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
      return rest < 0
        ? Time(seconds: seconds - 1, nanoseconds: rest + 1_000_000_000) : Time(seconds: seconds, nanoseconds: rest)
    }
    modified = try time(.mtime, .modifiedNanoseconds)
    accessed = try time(.atime, .accessedNanoseconds)
  }

  /// Writes Mitogen's dictionary, and what is added to it if the numbers of the owners are known.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(size, forKey: .size)
    try container.encode(mode, forKey: .mode)
    // Mitogen's clients look all of these up, so that none may be left out.
    try container.encode(owner, forKey: .owner)
    try container.encode(group, forKey: .group)
    try container.encode(modified.interval, forKey: .mtime)
    try container.encode(accessed.interval, forKey: .atime)
    guard let ownerID, let groupID else { return }
    try container.encode(ownerID, forKey: .ownerID)
    try container.encode(groupID, forKey: .groupID)
    try container.encode(FileMetadata.nanoseconds(modified), forKey: .modifiedNanoseconds)
    try container.encode(FileMetadata.nanoseconds(accessed), forKey: .accessedNanoseconds)
  }

  private static func nanoseconds(_ time: Time) -> Int {
    let (product, overflow) = time.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (time.seconds < 0 ? .min : .max) : product &+ time.nanoseconds
  }
}
