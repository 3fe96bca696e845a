internal import CAsyncMitogen

/// BLAKE3, taken in pieces: by it content is known again.
///
/// Unlike SHA-256, which the shells of other machines know, it takes several pieces of the input side by side: a sixth of a
/// nanosecond for each byte with the widest vectors, where SHA-256 takes half a one with the processor's own instructions,
/// and three without.
/// The paper is "BLAKE3: one function, fast everywhere" (2020); its names are used here. Pure.
struct Blake3: Sendable {
  private static let chunkSize = 1_024

  /// What came last: less than a chunk, or one of which it is not known yet whether something follows.
  private var pending: [UInt8] = []
  /// The values of subtrees, of eight words each, the largest first; the last two may be of one size, and are joined when
  /// something follows.
  private var values: [UInt32] = []
  /// How many chunks are in the values.
  private var chunkCount: UInt64 = 0
  /// The widest vectors that may be used; tests compare.
  private let vectors: Int32

  init(vectors: Int32 = 2) { self.vectors = vectors }

  /// Takes the next bytes.
  mutating func update(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBufferPointer { unsafe absorb($0) }
  }

  /// The digest of all that was taken, 32 bytes; more may be taken afterwards.
  func finish() -> [UInt8] {
    var value: [UInt32]
    var rest = values
    if !pending.isEmpty || rest.isEmpty {
      value = chunk(isWhole: rest.isEmpty)
      Blake3.join(&rest, chunkCount)
    } else {
      value = Array(rest.suffix(8))
      rest.removeLast(8)
    }
    while !rest.isEmpty {
      value = Blake3.parent(rest.suffix(8) + value, isWhole: rest.count == 8)
      rest.removeLast(8)
    }
    return value.flatMap { word in [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  /// Takes bytes in place, since they are all of the content of large files: none is read beyond `bytes`, as trees are of
  /// so many whole chunks as are left.
  private mutating func absorb(_ bytes: UnsafeBufferPointer<UInt8>) {
    var rest = unsafe bytes[...]
    while unsafe !rest.isEmpty {
      if pending.count == Blake3.chunkSize { append(chunk(isWhole: false), count: 1) }
      let tree = pending.isEmpty ? treeSize(of: unsafe rest.count / Blake3.chunkSize) : 0
      guard tree > 0 else {
        let taken = unsafe rest.prefix(Blake3.chunkSize - pending.count)
        unsafe pending.append(contentsOf: taken)
        unsafe rest = rest.dropFirst(taken.count)
        continue
      }
      let halves = unsafe [UInt32](unsafeUninitializedCapacity: 16) { halves, count in
        unsafe amt_blake3_tree(
          UnsafeBufferPointer(rebasing: rest).baseAddress, tree, chunkCount, vectors, halves.baseAddress)
        count = 16
      }
      append(Array(halves[..<8]), count: UInt64(tree / 2))
      append(Array(halves[8...]), count: UInt64(tree / 2))
      unsafe rest = rest.dropFirst(tree * Blake3.chunkSize)
    }
  }

  /// How many of so many chunks make the largest subtree that can stand next; 0 if none is worth vectors.
  private func treeSize(of available: Int) -> Int {
    var size = Int(AMT_BLAKE3_TREE)
    while size > available || chunkCount % UInt64(size) != 0 {
      size /= 2
      if size < AMT_BLAKE3_LEAST_TREE { return 0 }
    }
    return size
  }

  /// Puts a subtree of so many chunks behind the others.
  private mutating func append(_ value: [UInt32], count: UInt64) {
    Blake3.join(&values, chunkCount)
    values += value
    chunkCount += count
    pending.removeAll(keepingCapacity: true)
  }

  /// Joins the last subtrees, when something is to follow: there remain as many as there are ones in the number of chunks.
  private static func join(_ values: inout [UInt32], _ chunkCount: UInt64) {
    while values.count / 8 > chunkCount.nonzeroBitCount {
      let joined = parent(values.suffix(16), isWhole: false)
      values.replaceSubrange((values.count - 16)..., with: joined)
    }
  }

  /// The value of what is pending.
  private func chunk(isWhole: Bool) -> [UInt32] {
    unsafe [UInt32](unsafeUninitializedCapacity: 8) { value, count in
      unsafe amt_blake3_chunk(pending, pending.count, chunkCount, isWhole ? 1 : 0, value.baseAddress)
      count = 8
    }
  }

  private static func parent(_ children: ArraySlice<UInt32>, isWhole: Bool) -> [UInt32] {
    unsafe [UInt32](unsafeUninitializedCapacity: 8) { value, count in
      unsafe amt_blake3_parent(Array(children), isWhole ? 1 : 0, value.baseAddress)
      count = 8
    }
  }
}
