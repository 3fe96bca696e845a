/// What a root has to give: bytes, files, and directories with all that is in them. Pure.
struct ResourceSources: Sendable {
  /// Where a resource comes from.
  enum Source: Sendable, Hashable {
    case bytes([UInt8])
    case file(String)
    /// What these names lead to below a directory, and nothing that is not below it.
    case beneath(String, [String])
  }

  /// How many may be registered.
  let limit: Int
  private var single: [ResourceName: Source] = [:]
  private var directories: [String: String] = [:]

  init(limit: Int) { self.limit = limit }

  /// How many are registered.
  var count: Int { single.count + directories.count }

  /// Gives a name to something; false if too many have one.
  mutating func register(_ source: Source, as name: ResourceName) -> Bool {
    guard count < limit || single[name] != nil else { return false }
    single[name] = source
    return true
  }

  /// Makes a package of a directory; false if there are too many.
  mutating func register(directory: String, as package: String) -> Bool {
    guard count < limit || directories[package] != nil else { return false }
    directories[package] = directory
    return true
  }

  /// Where a resource comes from; nil if there is none of that name.
  func find(_ name: ResourceName) -> Source? {
    if let source = single[name] { return source }
    return directories[name.package].map {
      .beneath($0, name.name.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
    }
  }
}
