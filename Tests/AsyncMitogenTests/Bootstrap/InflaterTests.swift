import Testing

@testable import AsyncMitogen

/// What is compressed, here and by Python, comes back; what is damaged does not.
@Suite(.timeLimit(.minutes(2)))
struct InflaterTests {
  static let python = ["python3", Python.path ?? ""].first { program in
    !program.isEmpty && (try? ShellCommand("\(ShellCommand.quoted(program)) -c 'import zlib'"))?.status == 0
  }

  @Test func `what we compress comes back`() async throws { try await onOwnThread { Result { try comeBack() } }.get() }

  private func comeBack() throws {
    for (index, input) in GzipTests.inputs().enumerated() {
      let packed = GzipCompressor.zlib(input)
      let (content, end) = try Inflater.zlib(packed + [1, 2, 3], limit: input.count)
      #expect(content == input && end == packed.count, "input \(index)")
      guard !input.isEmpty else { continue }
      #expect(throws: Inflater.Failure.tooLarge(limit: input.count - 1)) {
        try Inflater.zlib(packed, limit: input.count - 1)
      }
    }
  }

  @Test(.enabled(if: python != nil, "needs a Python with zlib"))
  func `what zlib compresses comes back, by each of its ways, and it reads ours`() async throws {
    try await onOwnThread { Result { try comeBackFromPython() } }.get()
  }

  private func comeBackFromPython() throws {
    let python = try #require(InflaterTests.python)
    let script = """
      import sys, zlib
      with open(sys.argv[1] + "/in", "rb") as file:
          data = file.read()
      ways = [(level, 15, 8, 0) for level in (0, 1, 6, 9)] + [(9, 9, 1, kind) for kind in range(5)]
      for number, way in enumerate(ways):
          packer = zlib.compressobj(way[0], zlib.DEFLATED, *way[1:])
          middle = len(data) // 2
          packed = packer.compress(data[:middle]) + packer.flush(zlib.Z_SYNC_FLUSH)
          packed += packer.compress(data[middle:]) + packer.flush()
          with open("%s/%d" % (sys.argv[1], number), "wb") as file:
              file.write(packed)
      with open(sys.argv[1] + "/ours", "rb") as file:
          assert zlib.decompress(file.read()) == data
      """
    for (index, input) in GzipTests.inputs().enumerated() where index % 3 == 0 {
      let box = try Sandbox()
      try box.file("in", input)
      try box.file("ours", GzipCompressor.zlib(input))
      let command = try ShellCommand([python, "-c", script, box.path].map(ShellCommand.quoted).joined(separator: " "))
      try #require(command.status == 0, "\(command.output)")
      for way in 0..<9 {
        let (content, _) = try Inflater.zlib(try #require(box.read("\(way)")), limit: input.count)
        #expect(content == input, "input \(index), way \(way)")
      }
    }
  }

  /// zlib's two bytes in front.
  private static let head: [UInt8] = [0x78, 0x9c]

  @Test(
    arguments: [
      ([], .truncated), ([0x78], .truncated), (head, .truncated), ([0x79, 0x9c, 3, 0], .malformed("no zlib data")),
      ([0x78, 0x9d, 3, 0], .malformed("no zlib data")), ([0x88, 0x1c, 3, 0], .malformed("no zlib data")),
      ([0x78, 0xbb, 3, 0], .malformed("a dictionary is wanted")),
      (head + [3, 0, 0, 0, 0], .truncated), (head + [3, 0, 0, 0, 0, 2], .malformed("its checksum is another one")),
      (head + [7], .malformed("a block of no known kind")),
      (head + [1, 1, 0, 0, 0], .malformed("a stored block contradicts itself")), (head + [1, 1, 0, 0xfe], .truncated),
      (head + [1, 5, 0, 0xfa, 0xff, 1, 2], .truncated),
      // A match before there is anything, and symbols that mean nothing.
      (head + [0x03, 0x02, 0], .malformed("a distance from before the beginning")),
      (head + [0x1b, 0x03, 0], .malformed("a length of no known kind")),
      (head + [0x05, 0xe0, 0xff], .truncated), (head + [0xfd, 0, 0], .malformed("a code of too many symbols")),
      (head + [0x05, 0, 0, 0, 0, 0], .malformed("a word that the code does not have")),
      (head + [0x05, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], .malformed("a code with too few words")),
      (head + [0x05, 0, 0x92, 0x04], .malformed("a code with too many words")),
    ] as [([UInt8], Inflater.Failure)])
  func `what is malformed says how`(_ bytes: [UInt8], _ failure: Inflater.Failure) {
    #expect(throws: failure) { try Inflater.zlib(bytes, limit: 1_000) }
  }

  @Test func `damaged data never becomes other data, and ends soon`() async { await onOwnThread { damage() } }

  private func damage() {
    var random = Seeded(11)
    let input = Array(String(repeating: "the quick brown fox jumps over the lazy dog; ", count: 40).utf8)
    let packed = GzipCompressor.zlib(input)
    for _ in 0..<4_000 {
      var damaged = packed
      for _ in 0...(random.next() % 3) {
        damaged[Int(random.next() % UInt64(damaged.count))] ^= UInt8(1 << (random.next() % 8))
      }
      if random.next() % 4 == 0 { damaged.removeLast(Int(random.next() % UInt64(damaged.count))) }
      do {
        let (content, _) = try Inflater.zlib(damaged, limit: 10_000)
        // Bits that were turned around twice, and those that nothing looks at.
        #expect(content == input)
      } catch {}
    }
    for _ in 0..<2_000 {
      _ = try? Inflater.zlib(InflaterTests.head + random.bytes(Int(random.next() % 200)), limit: 10_000)
    }
  }

  @Test func `a few bytes that stand for many are cut off`() {
    let bomb = GzipCompressor.zlib([UInt8](repeating: 0, count: 300_000))
    #expect(bomb.count < 1_000)
    #expect(throws: Inflater.Failure.tooLarge(limit: 100_000)) { try Inflater.zlib(bomb, limit: 100_000) }
  }
}
