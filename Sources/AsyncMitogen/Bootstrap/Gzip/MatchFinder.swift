/// Finds earlier places with the same bytes, at most 32 KiB back.
///
/// Pointers, because this is most of the time of compressing and arrays in a debug build are ten times slower. They are
/// valid for the body of ``withMatchFinder(_:_:_:)``. Positions come from the compressor and lie in the input; the
/// two tables are indexed under masks.
@safe
struct MatchFinder: ~Copyable {
  private let bytes: UnsafeRawPointer
  private let count: Int
  private let effort: GzipCompressor.Effort
  /// The last position of each hash; -1 for none.
  private let heads: UnsafeMutablePointer<Int32>
  /// For each position of the window, the one before it with the same hash.
  private let previous: UnsafeMutablePointer<Int32>

  private static let hashBits: UInt32 = 15
  private static let windowSize = 1 << 15
  private static let longestMatch = 258

  /// Runs the body with a finder in these bytes.
  static func withMatchFinder(
    _ bytes: UnsafeBufferPointer<UInt8>, _ effort: GzipCompressor.Effort, _ body: (borrowing MatchFinder) -> Void
  ) {
    guard let start = unsafe UnsafeRawPointer(bytes.baseAddress) else { return }
    unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: 1 << Int(hashBits)) { heads in
      unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: windowSize) { previous in
        unsafe heads.initialize(repeating: -1)
        unsafe previous.initialize(repeating: -1)
        guard let headStart = heads.baseAddress, let previousStart = previous.baseAddress else { return }
        unsafe body(
          MatchFinder(
            bytes: start, count: bytes.count, effort: effort, heads: headStart, previous: previousStart))
      }
    }
  }

  /// Remembers a position; returns the last one that may have the same three bytes, or -1.
  @inline(__always)
  func insert(_ position: Int) -> Int {
    guard position &+ 4 <= count else { return -1 }
    let word = unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian
    let hash = Int(((word & 0xff_ffff) &* 0x9e37_79b1) &>> (32 &- MatchFinder.hashBits))
    let found = unsafe heads[hash]
    unsafe previous[position & (MatchFinder.windowSize &- 1)] = found
    unsafe heads[hash] = Int32(truncatingIfNeeded: position)
    return Int(found)
  }

  /// The longest match at a position, nearest first; (0, 0) if none is longer than `least`.
  func longest(at position: Int, from candidate: Int, longerThan least: Int) -> (length: Int, distance: Int) {
    let limit = min(MatchFinder.longestMatch, count &- position)
    var best = max(least, 2)
    guard limit > best else { return (0, 0) }
    var distance = 0
    var candidate = candidate
    var patience = least >= effort.good ? effort.chain &>> 2 : effort.chain
    let oldest = position &- MatchFinder.windowSize &+ 262
    let target = unsafe bytes + position
    var wanted = unsafe target.load(fromByteOffset: best, as: UInt8.self)
    while candidate >= 0, candidate > oldest, patience > 0 {
      patience &-= 1
      let source = unsafe bytes + candidate
      // The byte that would make it longer is the most likely one to differ.
      if unsafe source.load(fromByteOffset: best, as: UInt8.self) == wanted {
        let length = unsafe MatchFinder.common(source, target, limit)
        if length > best {
          best = length
          distance = position &- candidate
          if length >= effort.nice || length == limit { break }
          wanted = unsafe target.load(fromByteOffset: best, as: UInt8.self)
        }
      }
      candidate = unsafe Int(previous[candidate & (MatchFinder.windowSize &- 1)])
    }
    return distance > 0 ? (best, distance) : (0, 0)
  }

  /// How many bytes are the same, up to the limit, which both places have.
  @inline(__always)
  private static func common(_ source: UnsafeRawPointer, _ target: UnsafeRawPointer, _ limit: Int) -> Int {
    var length = 0
    while length &+ 8 <= limit {
      let first = unsafe source.loadUnaligned(fromByteOffset: length, as: UInt64.self).littleEndian
      let second = unsafe target.loadUnaligned(fromByteOffset: length, as: UInt64.self).littleEndian
      let difference = first ^ second
      if difference != 0 { return length &+ difference.trailingZeroBitCount &>> 3 }
      length &+= 8
    }
    while length < limit,
      unsafe source.load(fromByteOffset: length, as: UInt8.self) == target.load(fromByteOffset: length, as: UInt8.self)
    {
      length &+= 1
    }
    return length
  }
}
