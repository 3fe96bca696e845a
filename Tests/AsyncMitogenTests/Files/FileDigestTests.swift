import Testing

@testable import AsyncMitogen

struct FileDigestTests {
  private static let key = (0..<32).map { UInt8($0 * 7) }

  /// The definition, word by word, in the simplest way.
  private static func digest(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    var expanded: [UInt8] = []
    for number in 0..<34 as Range<UInt8> { expanded += blake(key + [number]) }
    let padded = bytes + [UInt8](repeating: 0, count: (1_024 - bytes.count % 1_024) % 1_024)
    var sums: [UInt8] = []
    for unit in stride(from: 0, to: padded.count, by: 1_024) {
      for pass in 0..<4 {
        var sum: UInt64 = 0
        for offset in stride(from: 0, to: 1_024, by: 8) {
          let factors = [0, 4].map { word(padded, unit + offset + $0) &+ word(expanded, offset + $0 + 16 * pass) }
          sum &+= UInt64(factors[0]) * UInt64(factors[1])
        }
        sums += (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
      }
    }
    return blake(sums + (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) })
  }

  private static func word(_ bytes: [UInt8], _ position: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[position + $1]) << (8 * UInt32($1)) }
  }

  private static func blake(_ bytes: [UInt8]) -> [UInt8] {
    var blake = Blake3()
    blake.update(bytes)
    return blake.finish()
  }

  private static func digest(_ bytes: [UInt8], _ key: [UInt8] = FileDigestTests.key, vectors: Int32 = 1) -> [UInt8] {
    var digest = FileDigest(bytes: key, vectors: vectors)
    digest.update(bytes)
    return digest.finish()
  }

  @Test(arguments: [0, 1, 7, 8, 1_023, 1_024, 1_025, 2_048, 5_000]) func `it is what its definition says`(
    size: Int
  ) async {
    let (digests, wanted) = await onOwnThread {
      var random = Seeded(UInt64(size))
      let bytes = random.bytes(size)
      let key = FileDigestTests.key
      return ([0, 1].map { FileDigestTests.digest(bytes, vectors: $0) }, FileDigestTests.digest(bytes, key: key))
    }
    #expect(digests == [wanted, wanted])
  }

  @Test func `the pieces do not matter, nor that the digest was asked for before`() async {
    let differing = await onOwnThread {
      var (random, differing) = (Seeded(3), [Int]())
      for size in [0, 1, 1_023, 1_024, 1_025, 70_000, 524_289] {
        let bytes = random.bytes(size)
        let whole = FileDigestTests.digest(bytes)
        for limit in [700, 1_024, 3_000, 600_000] where size < 50 * limit {
          var (pieces, position) = (FileDigest(bytes: FileDigestTests.key, vectors: 0), 0)
          while position < size {
            let end = min(size, position + 1 + Int(random.next() % UInt64(limit)))
            pieces.update(Array(bytes[position..<end]))
            position = end
            _ = pieces.finish()
          }
          if pieces.finish() != whole { differing.append(size) }
          if pieces.fresh.finish() != FileDigestTests.digest([]) { differing.append(-size) }
        }
      }
      return differing
    }
    #expect(differing.isEmpty)
  }

  @Test func `one bit anywhere makes another digest, and so do two words that change places`() {
    var random = Seeded(4)
    let bytes = random.bytes(5_000)
    let before = FileDigestTests.digest(bytes)
    var digests: Set<[UInt8]> = [before]
    let positions = [0, 3, 4, 7, 1_023, 1_024, 4_095, 4_096, 4_999]
    for position in positions {
      var changed = bytes
      changed[position] ^= 1
      digests.insert(FileDigestTests.digest(changed))
    }
    for (first, second) in [(0, 4), (0, 8), (16, 1_040)] {
      var changed = bytes
      for index in 0..<4 { changed.swapAt(first + index, second + index) }
      digests.insert(FileDigestTests.digest(changed))
    }
    #expect(digests.count == 1 + positions.count + 3)
  }

  @Test func `zeros at the end are told from what is added to fill a unit`() {
    let sizes = [0, 1, 2, 3, 4, 7, 8, 9, 1_023, 1_024, 1_025, 2_047, 2_048, 2_049]
    let digests = sizes.map { FileDigestTests.digest([UInt8](repeating: 0, count: $0)) }
    #expect(Set(digests).count == digests.count)
  }

  @Test func `each reader has a key of its own, and a key is 32 bytes`() throws {
    var (one, other) = (FileDigest(), FileDigest())
    var same = try #require(FileDigest(key: one.key))
    one.update([1])
    other.update([1])
    same.update([1])
    #expect(one.key != other.key && one.finish() != other.finish())
    #expect(same.finish() == one.finish())
    for size in [0, 31, 33] { #expect(FileDigest(key: Blob([UInt8](repeating: 1, count: size))) == nil) }
  }
}
