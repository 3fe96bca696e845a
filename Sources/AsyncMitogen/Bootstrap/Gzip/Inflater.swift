/// Reads what deflate (RFC 1951) wrote, and zlib's frame around it (RFC 1950). Pure.
///
/// All at once, and no more than a limit: a few bytes may stand for a thousand times as many.
struct Inflater: Sendable {
  /// Why there is nothing to read.
  enum Failure: Error, Sendable, Equatable {
    /// The input ends too early.
    case truncated
    /// It is something else, or has been damaged: what is wrong with it.
    case malformed(String)
    /// There is more than the limit.
    case tooLarge(limit: Int)
  }

  private var input: BitReader
  private var output: [UInt8] = []
  private let limit: Int

  private init(_ input: [UInt8], at start: Int, limit: Int) {
    self.input = BitReader(input, at: start)
    self.limit = limit
  }

  /// Reads zlib's format.
  ///
  /// - Parameter limit: How long the content may be, in bytes.
  /// - Returns: The content, and where in the input it ends: other things may be behind it.
  static func zlib(_ bytes: [UInt8], limit: Int) throws(Failure) -> (content: [UInt8], end: Int) {
    guard bytes.count >= 2 else { throw .truncated }
    let head = Int(bytes[0]) << 8 | Int(bytes[1])
    guard bytes[0] & 15 == 8, bytes[0] >> 4 <= 7, head % 31 == 0 else { throw .malformed("no zlib data") }
    guard bytes[1] & 0x20 == 0 else { throw .malformed("a dictionary is wanted") }
    var inflater = Inflater(bytes, at: 2, limit: limit)
    try inflater.readBlocks()
    inflater.input.align()
    var sum: UInt32 = 0
    for _ in 0..<4 { sum = sum << 8 | UInt32(try inflater.input.read(8)) }
    guard sum == Adler32.checksum(inflater.output) else { throw .malformed("its checksum is another one") }
    return (inflater.output, inflater.input.position)
  }

  private mutating func readBlocks() throws(Failure) {
    var isLast = false
    while !isLast {
      isLast = try input.read(1) == 1
      switch try input.read(2) {
      case 0: try readStored()
      case 1: try readCompressed(PrefixReader.fixedLiterals, PrefixReader.fixedDistances)
      case 2:
        let (literals, distances) = try readCodes()
        try readCompressed(literals, distances)
      default: throw .malformed("a block of no known kind")
      }
    }
  }

  private mutating func readStored() throws(Failure) {
    input.align()
    let (count, complement) = (try input.read(16), try input.read(16))
    guard count == ~complement & 0xffff else { throw .malformed("a stored block contradicts itself") }
    guard output.count + count <= limit else { throw .tooLarge(limit: limit) }
    output += try input.bytes(count)
  }

  /// The codes of a block that brings its own.
  private mutating func readCodes() throws(Failure) -> (literals: PrefixReader, distances: PrefixReader) {
    let literalCount = try input.read(5) + 257
    let distanceCount = try input.read(5) + 1
    let lengthCount = try input.read(4) + 4
    guard literalCount <= 286, distanceCount <= 30 else { throw .malformed("a code of too many symbols") }
    var lengthLengths = [UInt8](repeating: 0, count: 19)
    for place in DeflateTables.lengthOrder.prefix(lengthCount) { lengthLengths[place] = UInt8(try input.read(3)) }
    let lengthCode = try PrefixReader(lengths: lengthLengths[...])
    var lengths: [UInt8] = []
    while lengths.count < literalCount + distanceCount {
      let symbol = try lengthCode.read(&input)
      let (length, times): (UInt8, Int)
      switch symbol {
      case 16:
        guard let last = lengths.last else { throw .malformed("a length is repeated before there is one") }
        (length, times) = (last, 3 + (try input.read(2)))
      case 17: (length, times) = (0, 3 + (try input.read(3)))
      case 18: (length, times) = (0, 11 + (try input.read(7)))
      default: (length, times) = (UInt8(symbol), 1)
      }
      lengths += repeatElement(length, count: times)
    }
    guard lengths.count == literalCount + distanceCount else { throw .malformed("more lengths than symbols") }
    guard lengths[256] > 0 else { throw .malformed("a block without an end") }
    return (
      try PrefixReader(lengths: lengths[..<literalCount]), try PrefixReader(lengths: lengths[literalCount...])
    )
  }

  private mutating func readCompressed(_ literals: PrefixReader, _ distances: PrefixReader) throws(Failure) {
    while true {
      let symbol = try literals.read(&input)
      if symbol == 256 { return }
      guard symbol > 256 else {
        guard output.count < limit else { throw .tooLarge(limit: limit) }
        output.append(UInt8(symbol))
        continue
      }
      guard symbol < 286 else { throw .malformed("a length of no known kind") }
      let length = try number(symbol - 257, DeflateTables.lengthBase, DeflateTables.lengthExtra)
      let distanceSymbol = try distances.read(&input)
      guard distanceSymbol < 30 else { throw .malformed("a distance of no known kind") }
      let distance = try number(distanceSymbol, DeflateTables.distanceBase, DeflateTables.distanceExtra)
      guard distance <= output.count else { throw .malformed("a distance from before the beginning") }
      guard output.count + length <= limit else { throw .tooLarge(limit: limit) }
      // One by one: what is copied may be part of the copy.
      for _ in 0..<length { output.append(output[output.count - distance]) }
    }
  }

  private mutating func number(_ symbol: Int, _ bases: [UInt16], _ extra: [UInt8]) throws(Failure) -> Int {
    Int(bases[symbol]) + (try input.read(Int(extra[symbol])))
  }
}

/// Takes bits out of bytes, the lowest first, as deflate has them.
private struct BitReader: Sendable {
  private let bytes: [UInt8]
  /// The first byte of which no bit has been taken.
  private(set) var position: Int
  /// What is left of the byte before it.
  private var pending: UInt32 = 0
  private var count = 0

  init(_ bytes: [UInt8], at start: Int) {
    self.bytes = bytes
    position = start
  }

  /// The next bits, at most 16.
  mutating func read(_ width: Int) throws(Inflater.Failure) -> Int {
    while count < width {
      guard position < bytes.count else { throw .truncated }
      pending |= UInt32(bytes[position]) << UInt32(count)
      position += 1
      count += 8
    }
    defer {
      pending >>= UInt32(width)
      count -= width
    }
    return Int(pending & (1 << UInt32(width) - 1))
  }

  /// Skips what is left of a byte.
  mutating func align() { (pending, count) = (0, 0) }

  /// The next whole bytes.
  mutating func bytes(_ count: Int) throws(Inflater.Failure) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else { throw .truncated }
    defer { position += count }
    return bytes[position..<position + count]
  }
}

/// A canonical prefix code, for reading: how many words there are of each length, and the symbols in their order.
private struct PrefixReader: Sendable {
  private var counts = [Int](repeating: 0, count: 16)
  private var symbols: [UInt16] = []

  static let fixedLiterals = PrefixReader(checked: DeflateTables.fixedLiterals.lengths)
  static let fixedDistances = PrefixReader(checked: DeflateTables.fixedDistances.lengths)

  private init(checked lengths: [UInt8]) {
    for length in lengths where length > 0 { counts[Int(length)] += 1 }
    for length in 1...15 {
      for (symbol, own) in lengths.enumerated() where Int(own) == length { symbols.append(UInt16(symbol)) }
    }
  }

  /// - Throws: If there are more words than there can be of these lengths, or fewer; a single one may be alone.
  init(lengths: ArraySlice<UInt8>) throws(Inflater.Failure) {
    self.init(checked: Array(lengths))
    var room = 1
    for length in 1...15 {
      room = room * 2 - counts[length]
      guard room >= 0 else { throw .malformed("a code with too many words") }
    }
    guard room == 0 || symbols.count <= 1 else { throw .malformed("a code with too few words") }
  }

  func read(_ input: inout BitReader) throws(Inflater.Failure) -> Int {
    // The words of one length are successive numbers, which begin where those of the length before would have gone on.
    var (word, first, index) = (0, 0, 0)
    for length in 1...15 {
      word |= try input.read(1)
      let count = counts[length]
      if word - first < count { return Int(symbols[index + word - first]) }
      index += count
      first = (first + count) << 1
      word <<= 1
    }
    throw .malformed("a word that the code does not have")
  }
}

/// The checksum of zlib's format.
enum Adler32 {
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var (low, high) = (UInt32(1), UInt32(0))
    var start = 0
    while start < bytes.count {
      // So many sums fit into 32 bits.
      let end = min(start + 5_552, bytes.count)
      for byte in bytes[start..<end] {
        low &+= UInt32(byte)
        high &+= low
      }
      (low, high) = (low % 65_521, high % 65_521)
      start = end
    }
    return high << 16 | low
  }
}
