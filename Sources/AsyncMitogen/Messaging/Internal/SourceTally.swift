/// Bytes by the context that sent them. Contexts with none take no room.
struct SourceTally {
  private var others: [ContextID: UInt64] = [:]
  /// The context that was looked at last: mostly the next one too.
  private var recent = ContextID.master
  private var recentBytes: UInt64 = 0

  /// The bytes of a context.
  subscript(source: ContextID) -> UInt64 { source == recent ? recentBytes : others[source] ?? 0 }

  /// The number of contexts that have any.
  var count: Int { others.count + (recentBytes > 0 ? 1 : 0) }

  /// Adds to the bytes of a context.
  mutating func add(_ bytes: Int, for source: ContextID) {
    look(at: source)
    recentBytes += UInt64(bytes)
  }

  /// Takes from the bytes of a context what was added before.
  mutating func subtract(_ bytes: Int, for source: ContextID) {
    look(at: source)
    recentBytes -= UInt64(bytes)
  }

  private mutating func look(at source: ContextID) {
    guard source != recent else { return }
    if recentBytes > 0 { others[recent] = recentBytes }
    recent = source
    recentBytes = others.removeValue(forKey: source) ?? 0
  }
}
