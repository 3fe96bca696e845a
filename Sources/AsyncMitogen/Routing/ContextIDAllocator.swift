/// Gives out context identifiers: the master counts upwards, others count within blocks that the master gave them.
///
/// Mitogen's `IdAllocator` and `ChildIdAllocator`. Pure.
struct ContextIDAllocator: Sendable {
  /// How many identifiers a child gets at once.
  static let blockSize: UInt32 = 1_000

  private var next: UInt32
  private var end: UInt32

  /// The allocator of a master.
  static func master() -> ContextIDAllocator { ContextIDAllocator(next: 1, end: .max) }

  /// The allocator of a child, which begins without a block.
  static func child() -> ContextIDAllocator { ContextIDAllocator(next: 0, end: 0) }

  /// The allocator of a context that has become a root: it has all numbers from one on that the master gave it alone.
  static func root(from first: UInt32) -> ContextIDAllocator { ContextIDAllocator(next: first, end: .max) }

  /// As ``root(from:)``, of one that the master has given no number.
  ///
  /// What others below it may have been given is not known, only that it is beyond what is: half of the numbers that are
  /// left are kept clear of.
  static func root(beyond highest: ContextID) -> ContextIDAllocator {
    root(from: highest.rawValue + (.max - highest.rawValue) / 2)
  }

  /// A number that is not below any that it has had.
  var highest: ContextID { ContextID(rawValue: end) }

  /// The next identifier; nil if the block is used up.
  mutating func allocate() -> ContextID? {
    guard next < end else { return nil }
    defer { next += 1 }
    return ContextID(rawValue: next)
  }

  /// A block for a child, without its end; nil if there are no more identifiers.
  mutating func allocateBlock() -> Range<UInt32>? {
    guard end - next > ContextIDAllocator.blockSize else { return nil }
    defer { next += ContextIDAllocator.blockSize }
    return next..<next + ContextIDAllocator.blockSize
  }

  /// Takes a block that came from the master; what is left of another one is used first by nobody, since blocks are
  /// only asked for when none is left.
  mutating func receive(_ block: Range<UInt32>) {
    guard next >= end else { return }
    (next, end) = (block.lowerBound, block.upperBound)
  }
}
