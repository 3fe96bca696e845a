/// A canonical prefix code, as deflate writes it: the length of each symbol's word, and the words with their bits turned
/// around, because deflate sends those from the other end.
struct HuffmanCode: Sendable {
  let lengths: [UInt8]
  let words: [UInt16]

  /// The code whose words have these lengths; 0 for a symbol that has none.
  init(lengths: [UInt8]) {
    var counts = [UInt32](repeating: 0, count: 16)
    for length in lengths where length > 0 { counts[Int(length)] += 1 }
    // The first word of each length, as RFC 1951 counts them.
    var next = [UInt32](repeating: 0, count: 16)
    for length in 1...15 { next[length] = (next[length - 1] + counts[length - 1]) << 1 }
    var words = [UInt16](repeating: 0, count: lengths.count)
    for (symbol, length) in lengths.enumerated() where length > 0 {
      words[symbol] = HuffmanCode.reversed(next[Int(length)], Int(length))
      next[Int(length)] += 1
    }
    self.lengths = lengths
    self.words = words
  }

  /// The best code for symbols that occur this often, with no word longer than `limit`.
  init(frequencies: [UInt32], limit: Int) {
    self.init(lengths: HuffmanCode.lengths(frequencies, limit))
  }

  /// How many bits the symbols take.
  func cost(_ frequencies: [UInt32]) -> Int {
    zip(frequencies, lengths).reduce(0) { $0 + Int($1.0) * Int($1.1) }
  }

  private static func reversed(_ word: UInt32, _ length: Int) -> UInt16 {
    var (rest, result) = (word, UInt16(0))
    for _ in 0..<length {
      result = result << 1 | UInt16(rest & 1)
      rest >>= 1
    }
    return result
  }

  private static func lengths(_ frequencies: [UInt32], _ limit: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: frequencies.count)
    let symbols = frequencies.indices.filter { frequencies[$0] > 0 }.sorted { frequencies[$0] < frequencies[$1] }
    guard symbols.count > 1 else {
      // Readers want two words where there is a code at all; a single one is allowed to be one bit long.
      if let only = symbols.first { result[only] = 1 }
      return result
    }
    var counts = depths(symbols.map { UInt64(frequencies[$0]) }, limit)
    // The rarest get the longest words.
    var length = limit
    for symbol in symbols {
      while counts[length] == 0 { length -= 1 }
      result[symbol] = UInt8(length)
      counts[length] -= 1
    }
    return result
  }

  /// How many words there are of each length, for weights in rising order.
  private static func depths(_ weights: [UInt64], _ limit: Int) -> [Int] {
    // Both the leaves and the nodes that are made come in rising order, so two queues do for a heap.
    var nodes: [(weight: UInt64, parent: Int)] = weights.map { ($0, 0) }
    let leafCount = weights.count
    var (leaf, inner) = (0, leafCount)
    func takeLeast() -> Int {
      if leaf < leafCount, inner >= nodes.count || nodes[leaf].weight <= nodes[inner].weight {
        defer { leaf += 1 }
        return leaf
      }
      defer { inner += 1 }
      return inner
    }
    while nodes.count < leafCount * 2 - 1 {
      let (first, second) = (takeLeast(), takeLeast())
      nodes[first].parent = nodes.count
      nodes[second].parent = nodes.count
      nodes.append((nodes[first].weight + nodes[second].weight, 0))
    }
    var depth = [Int](repeating: 0, count: nodes.count)
    var counts = [Int](repeating: 0, count: limit + 1)
    for node in stride(from: nodes.count - 2, through: 0, by: -1) {
      depth[node] = depth[nodes[node].parent] + 1
      if node < leafCount { counts[min(depth[node], limit)] += 1 }
    }
    // Words that were cut to the limit take more room than there is: longer words for others make it.
    var excess = (1...limit).reduce(0) { $0 + counts[$1] << (limit - $1) } - 1 << limit
    while excess > 0 {
      var length = limit - 1
      while counts[length] == 0 { length -= 1 }
      counts[length] -= 1
      counts[length + 1] += 2
      counts[limit] -= 1
      excess -= 1
    }
    return counts
  }
}
