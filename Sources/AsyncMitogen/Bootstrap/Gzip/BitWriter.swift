/// Collects bits into bytes, the lowest first, as deflate wants them.
struct BitWriter: Sendable {
  private(set) var bytes: [UInt8] = []
  private var pending: UInt64 = 0
  private var count: UInt64 = 0

  init(bytes: [UInt8] = []) { self.bytes = bytes }

  /// Adds at most 32 bits.
  @inline(__always)
  mutating func write(_ bits: UInt32, _ width: Int) {
    pending |= UInt64(bits) &<< count
    count &+= UInt64(truncatingIfNeeded: width)
    while count >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending &>>= 8
      count &-= 8
    }
  }

  /// Fills the last byte with zeros.
  mutating func align() {
    if count > 0 { write(0, Int(8 - count)) }
  }

  /// Adds whole bytes; the last byte must be full.
  mutating func append(_ slice: some Sequence<UInt8>) { bytes.append(contentsOf: slice) }
}
