import CAsyncMitogenPack
import Foundation
import Testing

@testable import AsyncMitogen

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
