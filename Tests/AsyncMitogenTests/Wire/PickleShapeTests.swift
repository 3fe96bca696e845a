import Testing

@testable import AsyncMitogen

/// What pickles of ours look like to a reader that allows little.
struct PickleShapeTests {
  private func contains(_ bytes: [UInt8], _ text: String) -> Bool {
    String(decoding: bytes, as: UTF8.self).contains(text)
  }

  @Test(arguments: [PickledValue.bytes(Array("abc".utf8)), .bytes([]), [.bytes(Array("abc".utf8))], [.bytes([])]])
  func `bytes need no help of a codec, alone or inside`(value: PickledValue) throws {
    let pickle = try PickleEncoder().encode(value)
    for name in ["_codecs", "encode", "latin1", "__builtin__"] { #expect(!contains(pickle, name)) }
    #expect(try Unpickled.streams(pickle, globals: .denyAll).map(\.value) == [value])
  }

  @Test func `streams follow each other in one payload`() throws {
    let numbers = try (1...3).flatMap { try PickleEncoder().encode($0) }
    #expect(try Unpickled.streams(numbers).map(\.value) == [1, 2, 3])
    let pair = PickledValue.tuple(["speaking", "slowly"])
    let mixed = try PickleEncoder().encode(pair) + PickleEncoder().encode(Array("abc".utf8))
    #expect(!contains(mixed, "_codecs"))
    #expect(try Unpickled.streams(mixed, globals: .denyAll).map(\.value) == [pair, .bytes(Array("abc".utf8))])
  }

  @Test(arguments: [PickledValue.blob(Array("dave".utf8)), .blob([]), .secret("dave"), .secret("")])
  func `blobs and secrets come back as what they were, also empty ones`(value: PickledValue) throws {
    let pickle = try PickleEncoder().encode(value)
    #expect(try Unpickled(pickle).root.value == value)
    #expect(throws: StreamError.self) { try Unpickled(pickle, globals: .denyAll) }
    switch value {
    case .blob(let bytes):
      let blob = try PickleDecoder().decode(Blob.self, from: pickle)
      #expect(blob.bytes == bytes && "\(blob)" == "[blob: \(bytes.count) bytes]")
    default:
      let secret = try PickleDecoder().decode(Secret.self, from: pickle)
      #expect(value == .secret(secret.reveal()) && "\(secret)" == "[secret]")
    }
  }

  @Test func `containers and texts keep their kinds`() throws {
    let items: [PickledValue] = [123, "text", .bytes(Array("bytes".utf8))]
    let values: [PickledValue] = [
      true, false, .bytes(Array("bytes".utf8)), 123, "text", .list(items), .tuple(items),
      .dictionary([.init(1, "one"), .init("two", .bytes([2])), .init(.bytes([3]), .dictionary([]))]),
    ]
    for value in values {
      #expect(try PickleDecoder().decode(PickledValue.self, from: try PickleEncoder().encode(value)) == value)
    }
  }

  @Test func `the text of a call error is text, and not too long`() throws {
    func pickle(_ count: Int) -> [UInt8] {
      PickleVectorTests.bytes("80 02 63 \"mitogen.core¶_unpickle_call_error¶\" 58")
        + (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + [UInt8](repeating: 0x78, count: count)
        + [0x85, 0x52, 0x2e]
    }
    #expect(try Unpickled(pickle(9_999)).root.value == .callError(String(repeating: "x", count: 9_999)))
    #expect(throws: StreamError.self) { try Unpickled(pickle(10_000)) }
    var writer = PickleWriter()
    writer.begin()
    writer.callError("oops")
    writer.end()
    #expect(contains(writer.bytes, "cmitogen.core\n_unpickle_call_error\n"))
  }
}
