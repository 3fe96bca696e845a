/// A checksum of bytes that come in pieces: Mark Adler's, of RFC 1950.
///
/// It finds what is missing, doubled, moved or changed by mistake, and costs next to nothing.
struct Adler32 {
  private static let modulus: UInt64 = 65_521
  private var first: UInt64 = 1
  private var second: UInt64 = 0

  /// The checksum of all bytes so far.
  var value: UInt32 { UInt32(second << 16 | first) }

  /// Takes the next bytes.
  mutating func add(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { buffer in
      var start = 0
      while start < buffer.count {
        // So many at a time that no sum overflows: they are below 2^24 and 2^41 then.
        let end = min(start + 65_536, buffer.count)
        for index in start..<end {
          unsafe first += UInt64(buffer[index])
          second += first
        }
        first %= Adler32.modulus
        second %= Adler32.modulus
        start = end
      }
    }
  }
}
