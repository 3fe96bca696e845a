/// Makes what `gzip -dc` reads: a program is a third as long on its way to another machine.
///
/// Deflate as in RFC 1951 and a gzip member around it (RFC 1952). Matches are found over chains of positions with the same
/// hash, and one is only taken if the next position has no longer one, both with the limits of zlib's level 6. All at
/// once: the input is a program, which is in memory anyway.
struct GzipCompressor: Sendable {
  /// How hard it tries: zlib's four numbers.
  struct Effort: Sendable {
    /// With a match this long, the next position is looked at with a quarter of the patience.
    var good: Int
    /// With a match this long, the next position is not looked at.
    var lazy: Int
    /// A match this long is not improved.
    var nice: Int
    /// How many earlier positions are looked at.
    var chain: Int

    /// As `gzip -6`.
    static let normal = Effort(good: 8, lazy: 16, nice: 128, chain: 128)
    /// As `gzip -9`.
    static let best = Effort(good: 32, lazy: 258, nice: 258, chain: 4_096)
  }

  /// The bytes as a gzip file, without a name or a time.
  static func compress(_ input: [UInt8], effort: Effort = .normal) -> [UInt8] {
    var output = BitWriter(bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
    deflate(input, effort, &output)
    output.align()
    output.write(checksum(input), 32)
    output.write(UInt32(truncatingIfNeeded: input.count), 32)
    return output.bytes
  }

  /// The bytes in zlib's format, which is what Python reads.
  static func zlib(_ input: [UInt8], effort: Effort = .normal) -> [UInt8] {
    var output = BitWriter(bytes: [0x78, 0x9c])
    deflate(input, effort, &output)
    output.align()
    let sum = Adler32.checksum(input)
    output.append([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) })
    return output.bytes
  }

  private static func deflate(_ input: [UInt8], _ effort: Effort, _ output: inout BitWriter) {
    var block = DeflateBlock()
    var blockStart = 0
    unsafe input.withUnsafeBufferPointer { bytes in
      unsafe MatchFinder.withMatchFinder(bytes, effort) { finder in
        let count = bytes.count
        var position = 0
        // A literal or match at the position before that is not written yet.
        var (waitingLength, waitingDistance, isWaiting) = (0, 0, false)
        while position < count {
          var (length, distance) = (0, 0)
          let candidate = finder.insert(position)
          if candidate >= 0, waitingLength < effort.lazy {
            (length, distance) = finder.longest(at: position, from: candidate, longerThan: waitingLength)
            // A short match far away takes more bits than three literals.
            if length == 3, distance > 4_096 { length = 0 }
          }
          if waitingLength >= 3, length <= waitingLength {
            block.add(length: waitingLength, distance: waitingDistance)
            let end = position + waitingLength - 1
            position += 1
            while position < end {
              _ = finder.insert(position)
              position += 1
            }
            (waitingLength, isWaiting) = (0, false)
          } else {
            if isWaiting { unsafe block.add(literal: bytes[position - 1]) }
            (waitingLength, waitingDistance, isWaiting) = (length, distance, true)
            position += 1
          }
          if block.isFull {
            let end = isWaiting ? position - 1 : position
            block.flush(source: input[blockStart..<end], isLast: false, into: &output)
            blockStart = end
          }
        }
        if isWaiting { unsafe block.add(literal: bytes[count - 1]) }
      }
    }
    block.flush(source: input[blockStart...], isLast: true, into: &output)
  }

  // MARK: checksum

  /// CRC-32, eight bytes at a time.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var sum = ~UInt32(0)
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe checksumTables.withUnsafeBufferPointer { table in
        var index = 0
        while index &+ 8 <= bytes.count {
          // Within the buffer by the condition above; each table index is below 8 * 256.
          let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
          let mixed = word ^ UInt64(sum)
          sum = 0
          var place = 0
          while place < 8 {
            let byte = Int(truncatingIfNeeded: mixed &>> UInt64(truncatingIfNeeded: place &* 8)) & 0xff
            unsafe sum ^= table[(7 &- place) &* 256 &+ byte]
            place &+= 1
          }
          index &+= 8
        }
        while index < bytes.count {
          unsafe sum = table[Int(UInt8(truncatingIfNeeded: sum) ^ bytes[index])] ^ sum &>> 8
          index &+= 1
        }
      }
    }
    return ~sum
  }

  private static let checksumTables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? 0xedb8_8320 ^ value >> 1 : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = tables[Int(before & 0xff)] ^ before >> 8
    }
    return tables
  }()
}
