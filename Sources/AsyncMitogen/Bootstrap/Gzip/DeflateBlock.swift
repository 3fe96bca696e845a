/// Literals and matches that are written under one code: a block of deflate.
struct DeflateBlock: Sendable {
  /// A literal, or a match as its length less 3 above 16 bits of distance, with the highest bit set.
  private var tokens: [UInt32] = []
  private var literals = [UInt32](repeating: 0, count: 286)
  private var distances = [UInt32](repeating: 0, count: 30)

  /// A block is written when it has this many tokens: what is behind it may need another code.
  static let capacity = 1 << 15

  init() { tokens.reserveCapacity(DeflateBlock.capacity) }

  var isFull: Bool { tokens.count >= DeflateBlock.capacity }

  @inline(__always)
  mutating func add(literal: UInt8) {
    tokens.append(UInt32(literal))
    literals[Int(literal)] &+= 1
  }

  @inline(__always)
  mutating func add(length: Int, distance: Int) {
    tokens.append(1 << 31 | UInt32(truncatingIfNeeded: (length &- 3) &<< 16 | distance))
    literals[257 &+ Int(DeflateTables.lengthSymbol[length &- 3])] &+= 1
    distances[DeflateBlock.distanceSymbol(distance)] &+= 1
  }

  @inline(__always)
  private static func distanceSymbol(_ distance: Int) -> Int {
    let index = distance &- 1
    return Int(DeflateTables.distanceSymbol[index < 256 ? index : 256 &+ index &>> 7])
  }

  /// Writes the block in the shortest way and begins the next one.
  ///
  /// - Parameter source: The bytes that it stands for.
  mutating func flush(source: ArraySlice<UInt8>, isLast: Bool, into output: inout BitWriter) {
    literals[256] = 1
    let literalCode = HuffmanCode(frequencies: literals, limit: 15)
    let distanceCode = HuffmanCode(frequencies: distances, limit: 15)
    let header = DeflateHeader(literalCode.lengths, distanceCode.lengths)
    let extra = extraBits
    let dynamic = header.cost + literalCode.cost(literals) + distanceCode.cost(distances) + extra
    let fixed = DeflateTables.fixedLiterals.cost(literals) + DeflateTables.fixedDistances.cost(distances) + extra
    let stored = (source.count + 5 * (1 + source.count / 65_535)) * 8
    if stored < min(dynamic, fixed) {
      store(source, isLast, &output)
    } else {
      output.write(isLast ? 1 : 0, 1)
      output.write(dynamic < fixed ? 2 : 1, 2)
      if dynamic < fixed {
        header.write(into: &output)
        write(literalCode, distanceCode, &output)
      } else {
        write(DeflateTables.fixedLiterals, DeflateTables.fixedDistances, &output)
      }
    }
    tokens.removeAll(keepingCapacity: true)
    for index in literals.indices { literals[index] = 0 }
    for index in distances.indices { distances[index] = 0 }
  }

  private var extraBits: Int {
    var bits = 0
    for symbol in 0..<29 { bits += Int(literals[257 + symbol]) * Int(DeflateTables.lengthExtra[symbol]) }
    for symbol in 0..<30 { bits += Int(distances[symbol]) * Int(DeflateTables.distanceExtra[symbol]) }
    return bits
  }

  private func write(_ literals: HuffmanCode, _ distances: HuffmanCode, _ output: inout BitWriter) {
    for token in tokens {
      if token < 256 {
        output.write(UInt32(literals.words[Int(token)]), Int(literals.lengths[Int(token)]))
        continue
      }
      let length = Int(token &>> 16 & 0x7fff)
      let lengthSymbol = Int(DeflateTables.lengthSymbol[length])
      output.write(UInt32(literals.words[257 + lengthSymbol]), Int(literals.lengths[257 + lengthSymbol]))
      let lengthRest = length + 3 - Int(DeflateTables.lengthBase[lengthSymbol])
      output.write(UInt32(truncatingIfNeeded: lengthRest), Int(DeflateTables.lengthExtra[lengthSymbol]))
      let distance = Int(token & 0xffff)
      let symbol = DeflateBlock.distanceSymbol(distance)
      output.write(UInt32(distances.words[symbol]), Int(distances.lengths[symbol]))
      let rest = distance - Int(DeflateTables.distanceBase[symbol])
      output.write(UInt32(truncatingIfNeeded: rest), Int(DeflateTables.distanceExtra[symbol]))
    }
    output.write(UInt32(literals.words[256]), Int(literals.lengths[256]))
  }

  /// Bytes that cannot be made smaller, as they are.
  private func store(_ source: ArraySlice<UInt8>, _ isLast: Bool, _ output: inout BitWriter) {
    var rest = source
    repeat {
      let piece = rest.prefix(65_535)
      rest = rest.dropFirst(piece.count)
      output.write(isLast && rest.isEmpty ? 1 : 0, 3)
      output.align()
      output.write(UInt32(piece.count), 16)
      output.write(UInt32(piece.count) ^ 0xffff, 16)
      output.append(piece)
    } while !rest.isEmpty
  }
}

/// The codes of a block, as they stand before it: runs of lengths, under a small code of their own.
struct DeflateHeader: Sendable {
  private var symbols: [(symbol: Int, extra: UInt32, width: Int)] = []
  private let code: HuffmanCode
  private let literalCount: Int
  private let distanceCount: Int
  private let lengthCount: Int
  /// How many bits it takes.
  let cost: Int

  init(_ literals: [UInt8], _ distances: [UInt8]) {
    literalCount = max(257, 1 + (literals.lastIndex { $0 > 0 } ?? 0))
    distanceCount = max(1, 1 + (distances.lastIndex { $0 > 0 } ?? 0))
    symbols = DeflateHeader.runs(Array(literals[..<literalCount]) + distances[..<distanceCount])
    var frequencies = [UInt32](repeating: 0, count: 19)
    for symbol in symbols { frequencies[symbol.symbol] += 1 }
    let code = HuffmanCode(frequencies: frequencies, limit: 7)
    self.code = code
    lengthCount = max(4, 1 + (DeflateTables.lengthOrder.lastIndex { code.lengths[$0] > 0 } ?? 0))
    cost = 14 + 3 * lengthCount + code.cost(frequencies) + symbols.reduce(0) { $0 + $1.width }
  }

  func write(into output: inout BitWriter) {
    output.write(UInt32(literalCount - 257), 5)
    output.write(UInt32(distanceCount - 1), 5)
    output.write(UInt32(lengthCount - 4), 4)
    for symbol in DeflateTables.lengthOrder.prefix(lengthCount) { output.write(UInt32(code.lengths[symbol]), 3) }
    for (symbol, extra, width) in symbols {
      output.write(UInt32(code.words[symbol]), Int(code.lengths[symbol]))
      output.write(extra, width)
    }
  }

  /// Symbol 16 repeats the length before it 3 to 6 times; 17 and 18 stand for 3 to 10 and 11 to 138 zeros.
  private static func runs(_ lengths: [UInt8]) -> [(symbol: Int, extra: UInt32, width: Int)] {
    var result: [(symbol: Int, extra: UInt32, width: Int)] = []
    var index = 0
    while index < lengths.count {
      let length = lengths[index]
      var end = index + 1
      while end < lengths.count, lengths[end] == length { end += 1 }
      var count = end - index
      index = end
      if length > 0 {
        result.append((Int(length), 0, 0))
        count -= 1
      }
      while count >= 3 {
        let taken = min(count, length > 0 ? 6 : 138)
        if length > 0 {
          result.append((16, UInt32(taken - 3), 2))
        } else if taken < 11 {
          result.append((17, UInt32(taken - 3), 3))
        } else {
          result.append((18, UInt32(taken - 11), 7))
        }
        count -= taken
      }
      for _ in 0..<count { result.append((Int(length), 0, 0)) }
    }
    return result
  }
}
