/// How deflate (RFC 1951) numbers lengths and distances: a symbol, and how many bits behind it say which one.
enum DeflateTables {
  static let lengthBase: [UInt16] = bases(lengthExtra, from: 3)
  static let lengthExtra: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0] + doubled(1...5, 4) + [0]
  static let distanceBase: [UInt16] = bases(distanceExtra, from: 1)
  static let distanceExtra: [UInt8] = [0, 0, 0, 0] + doubled(1...13, 2)
  /// The order in which the lengths of the code for lengths are sent.
  static let lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

  /// The symbol of each length, from 3 on, less 257.
  static let lengthSymbol: [UInt8] = {
    var symbols = [UInt8](repeating: 0, count: 256)
    for symbol in 0..<28 {
      let first = Int(lengthBase[symbol]) - 3
      for length in first..<first + 1 << Int(lengthExtra[symbol]) { symbols[length] = UInt8(symbol) }
    }
    // 258 has a symbol of its own, though it would fit in the one before.
    symbols[255] = 28
    return symbols
  }()

  /// The symbol of each distance less one: up to 256 directly, above by its upper bits.
  static let distanceSymbol: [UInt8] = {
    var symbols = [UInt8](repeating: 0, count: 512)
    for symbol in 0..<30 {
      let first = Int(distanceBase[symbol]) - 1
      for distance in first..<first + 1 << Int(distanceExtra[symbol]) {
        symbols[distance < 256 ? distance : 256 + distance >> 7] = UInt8(symbol)
      }
    }
    return symbols
  }()

  /// The code of blocks that bring none of their own.
  static let fixedLiterals = HuffmanCode(
    lengths: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
  static let fixedDistances = HuffmanCode(lengths: [UInt8](repeating: 5, count: 30))

  private static func doubled(_ range: ClosedRange<UInt8>, _ times: Int) -> [UInt8] {
    range.flatMap { [UInt8](repeating: $0, count: times) }
  }

  private static func bases(_ extra: [UInt8], from first: UInt16) -> [UInt16] {
    var next = first
    var bases = extra.map { bits in
      defer { next += 1 << UInt16(bits) }
      return next
    }
    if first == 3 { bases[28] = 258 }
    return bases
  }
}
