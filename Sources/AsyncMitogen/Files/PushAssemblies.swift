/// Contents that come in pieces, and are not whole yet. Pure.
///
/// There is only so much room for them. Who begins another when there is none left ends the one that has been silent
/// longest, whose sender then finds that out and may begin again.
struct PushAssemblies: Sendable {
  struct Key: Hashable, Sendable {
    var source: ContextID
    var digest: Blob
  }

  /// How many there may be.
  static let limit = 64

  private var entries: [Key: (assembly: PushAssembly, use: UInt64)] = [:]
  private var clock: UInt64 = 0

  /// How many there are.
  var count: Int { entries.count }

  /// Ends others until there is room for one that begins; false if there is none even then.
  ///
  /// - Parameter fits: Whether it has room beside so many bytes of others.
  mutating func makeRoom(for key: Key, _ fits: (Int) -> Bool) -> Bool {
    entries[key] = nil
    // What would not fit into an empty place costs nobody else's.
    guard fits(0) else { return false }
    while true {
      let bytes = entries.values.reduce(0) { $0 + $1.assembly.size }
      if entries.count < PushAssemblies.limit, fits(bytes) { return true }
      guard let oldest = entries.min(by: { $0.value.use < $1.value.use })?.key else { return false }
      entries[oldest] = nil
    }
  }

  /// Takes one out, to add to it.
  mutating func take(_ key: Key) -> PushAssembly? { entries.removeValue(forKey: key)?.assembly }

  /// Puts one back.
  mutating func put(_ assembly: PushAssembly, _ key: Key) {
    clock += 1
    entries[key] = (assembly, clock)
  }
}
