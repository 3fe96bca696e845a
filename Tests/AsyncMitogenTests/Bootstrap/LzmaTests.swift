import CAsyncMitogenPack
import Foundation
import Testing

@testable import AsyncMitogen

/// The decoder of packed programs, against what xz makes.
@Suite(.timeLimit(.minutes(2)), .enabled(if: ShellCommand.finds("xz"), "needs xz"))
struct LzmaTests {
  private static let parameters = [
    "lc=3,lp=0,pb=2", "lc=4,lp=0,pb=2", "lc=0,lp=4,pb=4", "lc=0,lp=0,pb=0", "lc=1,lp=2,pb=3",
  ]

  private static func packed(_ bytes: [UInt8], _ parameters: String = "lc=4", preset: String = "9e") throws -> [UInt8] {
    let place = try Scratch()
    try place.write(bytes, "in")
    let command = try ShellCommand(
      "xz --format=lzma --lzma1=preset=\(preset),\(parameters) -c \(ShellCommand.quoted(place.path("in")))"
        + " >\(ShellCommand.quoted(place.path("out")))")
    try #require(command.status == 0, "\(command.output)")
    return try place.read("out")
  }

  private static func decode(
    _ input: [UInt8], size: Int, by piece: Int = .max
  ) -> (result: amt_unpack_result, output: [UInt8]) {
    var probabilities = [UInt16](repeating: 0, count: AMT_LZMA_PROBABILITIES)
    return unsafe Unpacking.decode(input, size: size, by: piece) { source, output in
      unsafe amt_lzma_decode(source, output, size, &probabilities)
    }
  }

  @Test(arguments: parameters)
  func `what xz packs comes back`(parameters: String) throws {
    for (index, input) in GzipTests.inputs().enumerated() {
      let packed = try LzmaTests.packed(input, parameters, preset: index % 2 == 0 ? "9e" : "0")
      let (result, output) = LzmaTests.decode(packed, size: input.count)
      #expect(result == AMT_UNPACK_DONE && isEqual(output, input), "input \(index)")
    }
  }

  @Test func `a program comes back`() throws {
    let input = try Array(Data(contentsOf: URL(filePath: "/bin/sh")))
    let (result, output) = LzmaTests.decode(try LzmaTests.packed(input), size: input.count)
    #expect(result == AMT_UNPACK_DONE && isEqual(output, input))
  }

  @Test func `another size than expected is refused`() throws {
    let input = Array("abcabcabcabcabcabc, and something else".utf8)
    var packed = try LzmaTests.packed(input)
    #expect(LzmaTests.decode(packed, size: input.count).result == AMT_UNPACK_DONE)
    for size in [0, 1, input.count - 1, input.count + 1, 10_000] {
      #expect(LzmaTests.decode(packed, size: size).result == AMT_UNPACK_DAMAGED, "\(size)")
    }
    // The size may be told as well.
    for (told, expected) in [(input.count, AMT_UNPACK_DONE), (input.count + 1, AMT_UNPACK_DAMAGED)] {
      packed.replaceSubrange(5..<13, with: [UInt8(told)] + [UInt8](repeating: 0, count: 7))
      #expect(LzmaTests.decode(packed, size: input.count).result == expected)
    }
    #expect(LzmaTests.decode(packed + [0], size: input.count).result == AMT_UNPACK_DAMAGED)
  }

  @Test func `a file that is cut off is found, wherever that is`() throws {
    var random = Seeded(11)
    let input = random.bytes(300) + Array(repeating: Array("some text again and again ".utf8), count: 40).flatMap { $0 }
    let packed = try LzmaTests.packed(input)
    for count in packed.indices {
      #expect(LzmaTests.decode(Array(packed[..<count]), size: input.count).result == AMT_UNPACK_CUT_OFF, "\(count)")
    }
  }

  @Test func `damage leaves its room never`() throws {
    var random = Seeded(12)
    let input = random.bytes(200) + Array(repeating: Array("text, again and again; ".utf8), count: 200).flatMap { $0 }
    let packed = try LzmaTests.packed(input)
    // Parameters that nobody makes.
    for (offset, byte) in [(0, UInt8(225)), (0, 255), (0, 4 * 9 + 8), (13, 1)] {
      var damaged = packed
      damaged[offset] = byte
      #expect(LzmaTests.decode(damaged, size: input.count).result == AMT_UNPACK_UNKNOWN, "\(offset) \(byte)")
    }
    var unnoticed = 0
    for index in 0..<4_000 {
      var damaged = packed
      for _ in 0...index % 3 {
        damaged[14 + Int(random.next() % UInt64(damaged.count - 14))] = UInt8(truncatingIfNeeded: random.next() >> 9)
      }
      if LzmaTests.decode(damaged, size: input.count).result == AMT_UNPACK_DONE, damaged != packed { unnoticed += 1 }
    }
    // Noise behind a true beginning. What is decoded has no checksum of its own; the packed bytes have.
    for _ in 0..<400 {
      let noise = Array(packed.prefix(14)) + random.bytes(2_000)
      if LzmaTests.decode(noise, size: 100_000).result == AMT_UNPACK_DONE { unnoticed += 1 }
    }
    #expect(unnoticed < 20)
  }

  @Test(arguments: [1, 7, 18, 100])
  func `it may come in pieces`(piece: Int) throws {
    for input in GzipTests.inputs().prefix(8) {
      let packed = try LzmaTests.packed(input, preset: "0")
      let (result, output) = LzmaTests.decode(packed, size: input.count, by: piece)
      #expect(result == AMT_UNPACK_DONE && isEqual(output, input))
      if input.count > 2 {
        #expect(LzmaTests.decode(packed.dropLast(), size: input.count, by: piece).result == AMT_UNPACK_CUT_OFF)
        #expect(LzmaTests.decode(packed + [0], size: input.count, by: piece).result == AMT_UNPACK_DAMAGED)
      }
    }
  }
}
