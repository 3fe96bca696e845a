import Testing

@testable import AsyncMitogen

/// What a peer may send to make a reader run out of memory or time.
@Suite struct PickleHostileInputTests {
  private func text(_ count: Int) -> [UInt8] {
    [0x58] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + [UInt8](repeating: 0x61, count: count)
  }

  @Test func `a long text that is referred to a million times is refused`() {
    var bytes: [UInt8] = [0x80, 0x02, 0x5d, 0x28] + text(100_000) + [0x71, 0x00]
    for _ in 0..<1_000_000 { bytes += [0x68, 0x00] }
    bytes += [0x65, 0x2e]
    #expect(throws: StreamError("invalid message: its parts refer to each other too often")) { try Unpickled(bytes) }
  }

  @Test func `a long text that is referred to a few times is read`() throws {
    let bytes: [UInt8] = [0x80, 0x02, 0x5d, 0x28] + text(1_000) + [0x71, 0x00, 0x68, 0x00, 0x68, 0x00, 0x65, 0x2e]
    let value = String(repeating: "a", count: 1_000)
    #expect(try PickleDecoder().decode([String].self, from: bytes) == [value, value, value])
  }

  @Test(.timeLimit(.minutes(1))) func `many lists that grow in turns take no quadratic time`() throws {
    var bytes: [UInt8] = [0x80, 0x02, 0x28]
    for _ in 0..<200_000 { bytes += [0x5d, 0x4e, 0x61, 0x5d, 0x4e, 0x61, 0x61] }
    bytes += [0x6c, 0x2e]
    let root = try Unpickled(bytes).root
    #expect(root.count == 200_000)
    #expect(root.element(199_999).value == [nil, [nil]])
  }

  @Test func `a length of 4 GiB is no reason to reserve anything`() {
    for opcode in [0x58, 0x54, 0x42, 0x8b] as [UInt8] {
      #expect(throws: StreamError("invalid message: it ends too early")) {
        try Unpickled([0x80, 0x02, opcode, 0xff, 0xff, 0xff, 0xff, 0x2e])
      }
    }
    #expect(throws: Never.self) { try Unpickled([0x80, 0x02, 0x4e, 0x72, 0xff, 0xff, 0xff, 0xff, 0x2e]) }
  }

  @Test func `a list that contains itself is refused`() {
    #expect(throws: StreamError("invalid message: a value that contains itself")) {
      try Unpickled([0x80, 0x02, 0x5d, 0x71, 0x00, 0x68, 0x00, 0x61, 0x2e])
    }
  }

  @Test func `nothing, and every prefix of a call, is refused`() {
    let names = text(5) + [0x71, 0x00, 0x4e] + text(6) + [0x71, 0x01]
    let whole: [UInt8] = [0x80, 0x02, 0x28, 0x4e] + names + [0x29, 0x7d, 0x74, 0x71, 0x02, 0x2e]
    #expect(throws: Never.self) { try Unpickled(whole) }
    for count in whole.indices { #expect(throws: StreamError.self) { try Unpickled(Array(whole.prefix(count))) } }
  }
}
