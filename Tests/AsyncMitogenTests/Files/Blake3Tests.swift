import Testing

@testable import AsyncMitogen

struct Blake3Tests {
  /// The kinds of vectors: those that every processor has, AVX2, AVX-512; what is not there is replaced by what is.
  private static let vectors: [Int32] = [0, 1, 2]

  /// The authors' own: the bytes 0 to 250, again and again.
  @Test(arguments: [
    (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
    (1_023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"),
    (1_024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
    (1_025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
    (2_048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"),
    (2_049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"),
    (3_072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"),
    (5_121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"),
    (7_169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"),
    (8_192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"),
    (8_193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"),
    (16_384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"),
    (31_744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"),
    (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
  ])
  func `the authors' inputs have the authors' digests`(size: Int, digest: String) {
    let bytes = (0..<size).map { UInt8($0 % 251) }
    for vectors in Blake3Tests.vectors {
      var blake = Blake3(vectors: vectors)
      blake.update(bytes)
      #expect(hexadecimal(blake.finish()) == digest)
    }
  }

  @Test func `the pieces do not matter, nor that the digest was asked for before`() async {
    let differing = await onOwnThread {
      var (random, differing) = (Seeded(3), [Int]())
      for size in [0, 1, 63, 1_024, 1_025, 16_384, 16_385, 65_536, 66_000, 140_001, 262_144] {
        let bytes = random.bytes(size)
        var whole = Blake3()
        whole.update(bytes)
        for limit in [700, 1_024, 3_000, 70_000] where size < 100 * limit {
          var (pieces, position) = (Blake3(vectors: Int32(limit % 3)), 0)
          while position < size {
            let end = min(size, position + 1 + Int(random.next() % UInt64(limit)))
            pieces.update(Array(bytes[position..<end]))
            position = end
            _ = pieces.finish()
          }
          if pieces.finish() != whole.finish() { differing.append(size) }
        }
      }
      return differing
    }
    #expect(differing.isEmpty)
  }

  @Test func `one bit anywhere makes another digest`() {
    var random = Seeded(4)
    let bytes = random.bytes(40_000)
    var before = Blake3()
    before.update(bytes)
    for position in [0, 1_023, 1_024, 16_383, 16_384, 32_768, 39_999] {
      var changed = bytes
      changed[position] ^= 1
      var after = Blake3()
      after.update(changed)
      #expect(after.finish() != before.finish())
    }
  }

  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
