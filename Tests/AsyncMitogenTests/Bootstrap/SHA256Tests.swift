import Testing

@testable import AsyncMitogen

struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func `the standard's messages have the standard's digests`(message: String, digest: String) {
    #expect(SHA256.hexadecimal(of: Array(message.utf8)) == digest)
  }

  @Test func `a million letters have the standard's digest`() {
    let digest = SHA256.hexadecimal(of: [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
    #expect(digest == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func `the pieces do not matter`() {
    var random = Seeded(1)
    for count in [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1_000] {
      let bytes = random.bytes(count)
      var digest = SHA256()
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = rest.prefix(Int(random.next() % 70))
        digest.update(piece)
        rest = rest.dropFirst(piece.count)
      }
      var whole = SHA256()
      whole.update(bytes)
      #expect(digest.finish() == whole.finish())
      #expect(digest.finish() == digest.finish())
    }
  }

  @Test func `the processor's instructions and what is written out agree`() {
    var random = Seeded(2)
    for count in Array(0...300) + [4_095, 4_096, 100_003] {
      let bytes = random.bytes(count)
      var (fast, slow) = (SHA256(), SHA256(usesInstructions: false))
      fast.update(bytes)
      slow.update(bytes)
      #expect(fast.finish() == slow.finish())
    }
  }
}

/// Random numbers that are the same each time.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_f491_4f6c_dd1d
  }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) } }
}
