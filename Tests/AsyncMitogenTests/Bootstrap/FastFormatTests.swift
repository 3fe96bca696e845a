import CAsyncMitogenPack
import Foundation
import Testing

@testable import AsyncMitogen

/// The fast format of packed programs: what encodes it, and what decodes it.
@Suite(.timeLimit(.minutes(2)))
struct FastFormatTests {
  private static func packed(_ bytes: [UInt8]) -> [UInt8] {
    let room = amt_fast_bound(bytes.count)
    return unsafe [UInt8](unsafeUninitializedCapacity: room + 1) { output, count in
      // Behind the bound nothing is written.
      unsafe output[room] = 0xa5
      count = unsafe amt_fast_encode(bytes, bytes.count, output.baseAddress)
      unsafe #expect(count > 0 && count <= room && output[room] == 0xa5)
    }
  }

  private static func decode(
    _ input: [UInt8], size: Int, by piece: Int = .max
  ) -> (result: amt_unpack_result, output: [UInt8]) {
    unsafe Unpacking.decode(input, size: size, by: piece) { unsafe amt_fast_decode($0, $1, size) }
  }

  /// Programs, noise, runs, and copies from all distances, packed: once, because nothing is optimised in tests.
  private static let examples = inputs().map { (input: $0, packed: packed($0)) }

  private static func inputs() -> [[UInt8]] {
    var random = Seeded(31)
    var inputs = GzipTests.inputs().map { Array($0.prefix(40_000)) }
    for distance in [1, 2, 3, 7, 8, 9, 15, 16, 17, 254, 255, 256, 257, 65_535, 65_536] {
      let piece = random.bytes(distance)
      inputs.append(piece + piece + Array(piece.prefix(40)) + random.bytes(20) + Array(piece.suffix(100)))
    }
    // Numbers of literals, and lengths, about those that take another byte.
    for count in [6, 7, 8, 261, 262, 263, 516, 517, 518] {
      let literals = random.bytes(count)
      inputs.append(literals)
      inputs.append(literals + [UInt8](repeating: 9, count: count) + random.bytes(count) + literals)
    }
    inputs.append((try? Array(Data(contentsOf: URL(filePath: "/bin/sh")))) ?? [])
    return inputs
  }

  @Test func `what is packed comes back`() {
    for (index, (input, packed)) in FastFormatTests.examples.enumerated() {
      let (result, output) = FastFormatTests.decode(packed, size: input.count)
      #expect(result == AMT_UNPACK_DONE && isEqual(output, input), "input \(index)")
    }
  }

  @Test(arguments: [1, 2, 5, 13, 4_096])
  func `it may come in pieces`(piece: Int) {
    for (index, (input, packed)) in FastFormatTests.examples.enumerated() {
      let (result, output) = FastFormatTests.decode(packed, size: input.count, by: piece)
      #expect(result == AMT_UNPACK_DONE && isEqual(output, input), "input \(index)")
    }
  }

  @Test func `it is short`() throws {
    let program = try Array(Data(contentsOf: URL(filePath: "/bin/sh")))
    #expect(FastFormatTests.packed(program).count < GzipCompressor.compress(program).count * 11 / 10)
    #expect(FastFormatTests.packed([UInt8](repeating: 0, count: 1 << 20)).count < 20_000)
    let page = Array((0..<40_000).map { "line \($0 % 1_000)" }.joined(separator: "\n").utf8)
    #expect(FastFormatTests.packed(page).count < page.count / 40)
  }

  /// The format itself, so that a change of both sides is noticed.
  @Test(
    arguments: [
      ([0x00], ""),
      ([0x18, 0x61, 0x62, 0x63], "abc"),
      // Three literals and five bytes from 3 back, kind 1; then none, and no match.
      ([0x5a, 0x61, 0x62, 0x63, 0x03, 0x00], "abcabcab"),
      // The same with a distance of two and of three bytes.
      ([0x99, 0x61, 0x62, 0x63, 0x03, 0x00, 0x00], "abcabcab"),
      ([0xd9, 0x61, 0x62, 0x63, 0x03, 0x00, 0x00, 0x00], "abcabcab"),
      // The distance of the match before, after a literal.
      ([0x50, 0x61, 0x62, 0x02, 0x08, 0x78], "ababax"),
      ([0x50, 0x61, 0x62, 0x02, 0x09, 0x78, 0x00], "ababaxaxa"),
      // Seven literals and one; a length of 3 + 7 + 1.
      ([0x38, 0x01, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68], "abcdefgh"),
      ([0x4f, 0x7a, 0x01, 0x01, 0x00], "zzzzzzzzzzzz"),
    ] as [([UInt8], String)])
  func `known bytes`(input: [UInt8], text: String) {
    let expected = Array(text.utf8)
    let (result, output) = FastFormatTests.decode(input, size: expected.count)
    #expect(
      result == AMT_UNPACK_DONE && output == expected, "\(text): \(result) \(String(decoding: output, as: UTF8.self))")
    #expect(FastFormatTests.decode(input + [0], size: expected.count).result == AMT_UNPACK_DAMAGED)
  }

  @Test(
    arguments: [
      // Nothing to copy from; farther back than there is anything; no distance at all; one of zero.
      ([0x40, 0x01, 0x00], 10, AMT_UNPACK_DAMAGED), ([0x48, 0x61, 0x02, 0x00], 10, AMT_UNPACK_DAMAGED),
      ([0x08, 0x61, 0x00], 10, AMT_UNPACK_DAMAGED), ([0x48, 0x61, 0x00, 0x00], 10, AMT_UNPACK_DAMAGED),
      ([0xc8, 0x61, 0xff, 0xff, 0xff, 0x00], 10, AMT_UNPACK_DAMAGED),
      // More literals than there is room for, and a longer match.
      ([0x10, 0x61, 0x62], 1, AMT_UNPACK_DAMAGED), ([0x4f, 0x61, 0x01, 0xff, 0xff, 0x00], 100, AMT_UNPACK_DAMAGED),
      ([0x38, 0xff, 0xff, 0xff, 0x00], 100, AMT_UNPACK_DAMAGED),
      // Nothing; no literals; no rest of a number; no distance; a match, and nothing behind it.
      ([], 0, AMT_UNPACK_CUT_OFF), ([0x18, 0x61], 10, AMT_UNPACK_CUT_OFF), ([0x38], 10, AMT_UNPACK_CUT_OFF),
      ([0x38, 0xff], 1_000, AMT_UNPACK_CUT_OFF), ([0x88, 0x61, 0x01], 10, AMT_UNPACK_CUT_OFF),
      ([0x4f, 0x61, 0x01], 100, AMT_UNPACK_CUT_OFF), ([0x48, 0x61, 0x01], 4, AMT_UNPACK_CUT_OFF),
    ] as [([UInt8], Int, amt_unpack_result)])
  func `what nobody makes is refused`(input: [UInt8], size: Int, expected: amt_unpack_result) {
    #expect(FastFormatTests.decode(input, size: size).result == expected, "\(input)")
    #expect(FastFormatTests.decode(input, size: size, by: 1).result == expected, "\(input), byte by byte")
  }

  @Test func `another size than expected is refused`() {
    let input = Array("abcabcabcabcabcabc, and something else".utf8)
    let packed = FastFormatTests.packed(input)
    for size in [0, 1, input.count - 1, input.count + 1, 10_000] {
      #expect(FastFormatTests.decode(packed, size: size).result != AMT_UNPACK_DONE, "\(size)")
    }
  }

  @Test func `a file that is cut off is found, wherever that is`() {
    var random = Seeded(32)
    let input = random.bytes(300) + Array(repeating: Array("some text again and again ".utf8), count: 40).flatMap { $0 }
    let packed = FastFormatTests.packed(input)
    for count in packed.indices {
      #expect(
        FastFormatTests.decode(Array(packed[..<count]), size: input.count).result == AMT_UNPACK_CUT_OFF, "\(count)")
    }
  }

  @Test func `damage leaves its room never`() {
    var random = Seeded(33)
    let input = random.bytes(200) + Array(repeating: Array("text, again and again; ".utf8), count: 200).flatMap { $0 }
    let packed = FastFormatTests.packed(input)
    for index in 0..<4_000 {
      var damaged = packed
      for _ in 0...index % 3 {
        damaged[Int(random.next() % UInt64(damaged.count))] = UInt8(truncatingIfNeeded: random.next() >> 9)
      }
      let piece = index % 2 == 0 ? Int.max : 1 + Int(random.next() % 50)
      let (result, output) = FastFormatTests.decode(damaged, size: input.count, by: piece)
      // What is decoded has no checksum of its own; the packed bytes have. It is the same however it comes.
      let whole = FastFormatTests.decode(damaged, size: input.count)
      let isSame = whole.result == result && (result != AMT_UNPACK_DONE || whole.output == output)
      #expect(isSame, "\(index): \(result), and \(whole.result) at once")
    }
    for _ in 0..<2_000 {
      let noise = random.bytes(Int(random.next() % 300))
      let size = Int(random.next() % 5_000)
      let (one, other) = (FastFormatTests.decode(noise, size: size), FastFormatTests.decode(noise, size: size, by: 3))
      let isSame = one.result == other.result && (one.result != AMT_UNPACK_DONE || one.output == other.output)
      #expect(isSame, "\(noise)")
    }
  }
}

/// SHA-256 as packed programs have it.
struct PackDigestTests {
  private static func digest(_ bytes: [UInt8], hasInstructions: Bool, by piece: Int) -> [UInt8] {
    var digest = amt_digest()
    unsafe amt_digest_begin(&digest)
    if !hasInstructions { digest.has_instructions = 0 }
    var rest = bytes[...]
    while !rest.isEmpty {
      unsafe rest.prefix(piece).withUnsafeBufferPointer { unsafe amt_digest_take(&digest, $0.baseAddress, $0.count) }
      rest = rest.dropFirst(piece)
    }
    var result = [UInt8](repeating: 0, count: 32)
    unsafe amt_digest_end(&digest, &result)
    return result
  }

  @Test(arguments: [true, false])
  func `it is that of the library`(hasInstructions: Bool) {
    var random = Seeded(34)
    for count in [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1_000, 70_001] {
      let bytes = random.bytes(count)
      var expected = SHA256(usesInstructions: false)
      expected.update(bytes)
      for piece in [1, 63, 64, 65, 1_000, 100_000] {
        let found = PackDigestTests.digest(bytes, hasInstructions: hasInstructions, by: piece)
        #expect(found == expected.finish(), "\(count) by \(piece)")
      }
    }
  }
}
