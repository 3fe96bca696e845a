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

  /// What comes of decoding into so much room, which is checked not to be left.
  private static func decode(_ input: [UInt8], size: Int) -> (result: amt_lzma_result, output: [UInt8]) {
    let (guards, mark) = (64, UInt8(0xa5))
    var output = [UInt8](repeating: mark, count: size + 2 * guards)
    var probabilities = [UInt16](repeating: 0, count: AMT_LZMA_PROBABILITIES)
    let result = unsafe output.withUnsafeMutableBufferPointer { output in
      unsafe amt_lzma_decode(input, input.count, output.baseAddress?.advanced(by: guards), size, &probabilities)
    }
    #expect(output.prefix(guards).allSatisfy { $0 == mark } && output.suffix(guards).allSatisfy { $0 == mark })
    return (result, Array(output[guards..<guards + size]))
  }

  @Test(arguments: parameters)
  func `what xz packs comes back`(parameters: String) throws {
    for (index, input) in GzipTests.inputs().enumerated() {
      let packed = try LzmaTests.packed(input, parameters, preset: index % 2 == 0 ? "9e" : "0")
      let (result, output) = LzmaTests.decode(packed, size: input.count)
      #expect(result == AMT_LZMA_DONE && output == input, "input \(index)")
    }
  }

  @Test func `a program comes back`() throws {
    let input = try Array(Data(contentsOf: URL(filePath: "/bin/sh")))
    let (result, output) = LzmaTests.decode(try LzmaTests.packed(input), size: input.count)
    #expect(result == AMT_LZMA_DONE && output == input)
  }

  @Test func `another size than expected is refused`() throws {
    let input = Array("abcabcabcabcabcabc, and something else".utf8)
    var packed = try LzmaTests.packed(input)
    #expect(LzmaTests.decode(packed, size: input.count).result == AMT_LZMA_DONE)
    for size in [0, 1, input.count - 1, input.count + 1, 10_000] {
      #expect(LzmaTests.decode(packed, size: size).result == AMT_LZMA_DAMAGED, "\(size)")
    }
    // The size may be told as well.
    for (told, expected) in [(input.count, AMT_LZMA_DONE), (input.count + 1, AMT_LZMA_DAMAGED)] {
      packed.replaceSubrange(5..<13, with: [UInt8(told)] + [UInt8](repeating: 0, count: 7))
      #expect(LzmaTests.decode(packed, size: input.count).result == expected)
    }
    #expect(LzmaTests.decode(packed + [0], size: input.count).result == AMT_LZMA_DAMAGED)
  }

  @Test func `a file that is cut off is found, wherever that is`() throws {
    var random = Seeded(11)
    let input = random.bytes(300) + Array(repeating: Array("some text again and again ".utf8), count: 40).flatMap { $0 }
    let packed = try LzmaTests.packed(input)
    for count in packed.indices {
      #expect(LzmaTests.decode(Array(packed[..<count]), size: input.count).result == AMT_LZMA_CUT_OFF, "\(count)")
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
      #expect(LzmaTests.decode(damaged, size: input.count).result == AMT_LZMA_UNKNOWN, "\(offset) \(byte)")
    }
    var unnoticed = 0
    for index in 0..<4_000 {
      var damaged = packed
      for _ in 0...index % 3 {
        damaged[14 + Int(random.next() % UInt64(damaged.count - 14))] = UInt8(truncatingIfNeeded: random.next() >> 9)
      }
      if LzmaTests.decode(damaged, size: input.count).result == AMT_LZMA_DONE, damaged != packed { unnoticed += 1 }
    }
    // Noise behind a true beginning. What is decoded has no checksum of its own; the packed bytes have.
    for _ in 0..<400 {
      let noise = Array(packed.prefix(14)) + random.bytes(2_000)
      if LzmaTests.decode(noise, size: 100_000).result == AMT_LZMA_DONE { unnoticed += 1 }
    }
    #expect(unnoticed < 20)
  }

  @Test func `the checksum is CRC-32`() {
    let text = Array("123456789".utf8)
    #expect(unsafe amt_pack_checksum(text, text.count) == 0xcbf4_3926)
  }
}

/// Addresses in instructions, made absolute and back.
struct CodeFilterTests {
  private static func filtered(_ bytes: [UInt8], _ range: Range<Int>, _ machine: Int32, undo: Bool = false) -> [UInt8] {
    var bytes = bytes
    let count = bytes.count
    if undo {
      unsafe amt_filter_undo(&bytes, count, range.lowerBound, range.upperBound, machine)
    } else {
      unsafe amt_filter_apply(&bytes, count, range.lowerBound, range.upperBound, machine)
    }
    return bytes
  }

  @Test(arguments: [AMT_MACHINE_X86_64, AMT_MACHINE_AARCH64])
  func `what was done is undone, whatever the bytes`(machine: Int32) throws {
    var random = Seeded(13)
    // What is looked for, much more often than chance has it.
    let pieces: [[UInt8]] = [
      [0xe8], [0xe9], [0x0f, 0x85], [0x48, 0x8d, 0x05], [0x4c, 0x8b, 0x3d], [0, 0, 0, 0x94], [0, 0, 0, 0xb0], [0],
      [0xff],
    ]
    var inputs = (0..<200).map { count in (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 7) } }
    for _ in 0..<300 {
      var bytes: [UInt8] = []
      while bytes.count < 400 {
        bytes += pieces[Int(random.next() % UInt64(pieces.count))] + random.bytes(Int(random.next() % 3))
      }
      inputs.append(bytes)
    }
    inputs.append(try Array(Data(contentsOf: URL(filePath: "/bin/sh"))))
    for input in inputs {
      let start = Int(random.next() % UInt64(input.count + 1))
      let range = start..<start + Int(random.next() % UInt64(input.count - start + 1))
      let changed = CodeFilterTests.filtered(input, range, machine)
      #expect(changed[..<range.lowerBound] == input[..<range.lowerBound])
      #expect(changed[range.upperBound...] == input[range.upperBound...])
      #expect(CodeFilterTests.filtered(changed, range, machine, undo: true) == input)
    }
  }

  @Test func `calls of one function look alike`() {
    // call 0x100, at 0x10 and 0x40.
    var code = [UInt8](repeating: 0x90, count: 0x120)
    code.replaceSubrange(0x10..<0x15, with: [0xe8, 0xeb, 0, 0, 0])
    code.replaceSubrange(0x40..<0x45, with: [0xe8, 0xbb, 0, 0, 0])
    let changed = CodeFilterTests.filtered(code, 0..<code.count, AMT_MACHINE_X86_64)
    #expect(Array(changed[0x10..<0x15]) == [0xe8, 0, 1, 0, 0] && changed[0x40..<0x45] == changed[0x10..<0x15])
    // bl 0x100 at 0x10; adrp x0, a page on, at 0x2004.
    var words = [UInt8](repeating: 0, count: 0x2010)
    words.replaceSubrange(0x10..<0x14, with: [0x3c, 0, 0, 0x94])
    words.replaceSubrange(0x2004..<0x2008, with: [0, 0, 0, 0xb0])
    let arm = CodeFilterTests.filtered(words, 0..<words.count, AMT_MACHINE_AARCH64)
    #expect(Array(arm[0x10..<0x14]) == [0x40, 0, 0, 0x94] && Array(arm[0x2004..<0x2008]) == [0, 0, 0, 0xf0])
  }
}
