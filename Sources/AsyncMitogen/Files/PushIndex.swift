/// Which files are kept, each content once, however many paths have it. Pure.
struct PushIndex<Content: Sendable>: Sendable {
  enum Addition: Equatable, Sendable {
    case added
    /// There is something under that path already, and that stays.
    case known
    case full
  }

  let limits: PushLimits
  private var digests: [String: Blob] = [:]
  private var contents: [Blob: Content] = [:]
  private(set) var bytes = 0

  init(limits: PushLimits) { self.limits = limits }

  /// How many paths there are.
  var count: Int { digests.count }

  /// The digest of what has a path.
  func digest(of path: String) -> Blob? { digests[path] }

  /// What has a digest.
  func content(_ digest: Blob) -> Content? { contents[digest] }

  /// Whether content of that size could be kept.
  func hasRoom(for size: Int) -> Bool { size <= limits.bytes - bytes && digests.count < limits.files }

  /// Keeps content under a path.
  mutating func add(_ path: String, _ digest: Blob, size: Int, _ content: Content) -> Addition {
    guard digests[path] == nil else { return .known }
    if contents[digest] != nil { return link(path, digest) ? .added : .full }
    guard hasRoom(for: size) else { return .full }
    contents[digest] = content
    digests[path] = digest
    bytes += size
    return .added
  }

  /// Gives content that is kept already another path; false if there are too many, or there is no such content.
  mutating func link(_ path: String, _ digest: Blob) -> Bool {
    guard contents[digest] != nil else { return false }
    guard digests[path] == nil else { return true }
    guard digests.count < limits.files else { return false }
    digests[path] = digest
    return true
  }
}

/// What has been sent over which link: no content a second time. Pure.
struct PushLinks: Sendable {
  enum Delivery: Equatable, Sendable {
    /// The neighbour has it, and nobody behind it is meant.
    case nothing
    /// The neighbour has it, and is to pass it on.
    case forward
    /// The neighbour has the content, under another path.
    case link
    /// The neighbour has nothing of it.
    case content
  }

  private struct Link: Sendable {
    var paths: Set<String> = []
    var digests: Set<Blob> = []
  }

  private var links: [ContextID: Link] = [:]

  /// How many neighbours have been sent something.
  var count: Int { links.count }

  /// Says what a neighbour has to be sent, which counts as sent from now on.
  mutating func deliver(_ path: String, _ digest: Blob, to hop: ContextID, isTarget: Bool) -> Delivery {
    var link = links[hop] ?? Link()
    defer { links[hop] = link }
    guard link.paths.insert(path).inserted else { return isTarget ? .nothing : .forward }
    return link.digests.insert(digest).inserted ? .content : .link
  }

  /// A neighbour has not taken what it was sent.
  mutating func fail(_ path: String, _ digest: Blob, to hop: ContextID) {
    links[hop]?.paths.remove(path)
    links[hop]?.digests.remove(digest)
  }

  /// Forgets neighbours that are gone.
  mutating func keep(where isThere: (ContextID) -> Bool) { links = links.filter { isThere($0.key) } }
}
