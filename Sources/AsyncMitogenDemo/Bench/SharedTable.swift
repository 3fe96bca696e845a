import Synchronization

/// A table that is worth sharing, of which each process has one at most.
enum SharedTable {
  private static let table = Mutex<[UInt8]>([])

  static func fill(_ size: Int) { table.withLock { $0 = (0..<size).map { UInt8(truncatingIfNeeded: $0) } } }

  static func sum() -> Int { table.withLock { $0.reduce(0) { $0 &+ Int($1) } } }

  /// What ``sum()`` is of a table of this size.
  static func sum(of size: Int) -> Int { (0..<size).reduce(0) { $0 &+ $1 & 0xFF } }
}
