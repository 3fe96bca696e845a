import Testing

@testable import AsyncMitogen

struct FrameDecoderTests {
  private func messages(_ generator: inout SplitMix64, sizes: [Int]) -> [Message] {
    sizes.map { size in
      Message(
        destination: ContextID(rawValue: UInt32.random(in: 0...UInt32.max, using: &generator)),
        source: ContextID(rawValue: UInt32.random(in: 0...UInt32.max, using: &generator)),
        authority: ContextID(rawValue: UInt32.random(in: 0...UInt32.max, using: &generator)),
        handle: Handle(rawValue: UInt32.random(in: 0...UInt32.max, using: &generator)),
        replyTo: Handle(rawValue: UInt32.random(in: 0...UInt32.max, using: &generator)),
        encoding: [.legacy, .pickle, .binary].randomElement(using: &generator) ?? .legacy,
        payload: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    }
  }

  private func same(_ left: [Message], _ right: [Message]) -> Bool {
    left.count == right.count
      && zip(left, right).allSatisfy { MessageHeader($0) == MessageHeader($1) && $0.payload == $1.payload }
  }

  @Test func `any chunks of the same bytes give the same messages`() throws {
    var generator = SplitMix64(state: 7)
    for _ in 0..<150 {
      let sizes = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
        [0, 1, 25, 26, 27, 4_095, 4_096, 4_097, 131_046, 131_072, 300_000].randomElement(using: &generator) ?? 0
      }
      let sent = messages(&generator, sizes: sizes)
      let bytes = sent.flatMap { MessageHeader($0).bytes + $0.payload }
      var decoder = FrameDecoder(limit: 1 << 20)
      var received: [Message] = []
      var offset = 0
      while offset < bytes.count {
        let largest = [1, 30, 5_000, 200_000].randomElement(using: &generator) ?? 1
        let end = min(bytes.count, offset + Int.random(in: 1...largest, using: &generator))
        received += try decoder.append(Array(bytes[offset..<end]))
        offset = end
      }
      #expect(same(received, sent))
      let isAtBoundary = decoder.isAtBoundary
      #expect(isAtBoundary)
    }
  }

  @Test func `the limit itself is allowed, and one more is not`() throws {
    let exact = Message(handle: 1, payload: [UInt8](repeating: 1, count: 5_000))
    var decoder = FrameDecoder(limit: 5_000)
    let received = try decoder.append(MessageHeader(exact).bytes + exact.payload)
    #expect(received.count == 1)
    let larger = Message(handle: 1, payload: [UInt8](repeating: 1, count: 5_001))
    #expect(throws: FrameError.tooLarge(length: 5_001, limit: 5_000)) {
      var other = FrameDecoder(limit: 5_000)
      _ = try other.append(MessageHeader(larger).bytes)
    }
  }

  @Test(arguments: [0x0000, 0x4d48, 0x4d4c, 0x7878, 0xffff])
  func `another signature is refused, with what came`(signature: Int) {
    let bytes = [UInt8(signature >> 8), UInt8(signature & 0xff)] + [UInt8](repeating: 0x78, count: 3_000)
    #expect(throws: FrameError.badSignature(received: Array(bytes.prefix(2_048)))) {
      var decoder = FrameDecoder(limit: 100)
      _ = try decoder.append(bytes)
    }
  }

  @Test func `what has begun is no boundary`() throws {
    let message = Message(handle: 1, payload: [1, 2, 3])
    let bytes = MessageHeader(message).bytes + message.payload
    for end in 1..<bytes.count {
      var decoder = FrameDecoder(limit: 100)
      let received = try decoder.append(Array(bytes[..<end]))
      let isAtBoundary = decoder.isAtBoundary
      #expect(received.isEmpty && !isAtBoundary)
    }
  }

  @Test func `raw bytes before the frames are given back`() throws {
    var decoder = FrameDecoder(limit: 100)
    let message = Message(handle: 9, payload: [4])
    let text = Array("a line\n".utf8)
    let frame = MessageHeader(message).bytes + message.payload
    _ = unsafe decoder.receive { first, _ in
      unsafe first.copyBytes(from: text + frame)
      return text.count + frame.count
    }
    let raw = decoder.takeRaw()
    #expect(raw == text + frame)
    decoder.restore(frame)
    let handle = try decoder.next()?.handle
    #expect(handle == 9)
  }

  @Test func `the header is as Mitogen's`() {
    let message = Message(
      destination: 1, source: 2, authority: 3, handle: 101, replyTo: 1_000, encoding: .pickle, payload: [0x68, 0x69])
    let expected: [UInt8] = [
      0x4d, 0x4a, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 101, 0, 0, 3, 0xe8, 0, 0, 0, 2,
    ]
    #expect(MessageHeader(message).bytes == expected)
    #expect(MessageHeader(message).bytes.count == MessageHeader.size)
    let shorter = Array(expected.dropLast())
    let (read, short) = unsafe (MessageHeader(expected.span.bytes), MessageHeader(shorter.span.bytes))
    #expect(read == MessageHeader(message))
    #expect(short == nil)
    #expect(Message(handle: 1).encoding == .legacy)
    #expect(Message(source: 5, handle: 1).authority == 5)
    let dead = Message.dead("oh no", destination: 4, source: 2, handle: 7)
    #expect(dead.isDead && dead.replyTo == 999 && dead.payload == Array("oh no".utf8))
    #expect(!Message(handle: 1, replyTo: 5_555).isDead)
  }
}
