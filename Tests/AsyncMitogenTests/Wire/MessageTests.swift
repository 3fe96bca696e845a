import Testing

@testable import AsyncMitogen

/// A message's fields and the places that they have in its header.
struct MessageTests {
  private let empty: [UInt8] = [0x4d, 0x49] + [UInt8](repeating: 0, count: 24)

  @Test func `what is not said is nothing`() {
    let message = Message(handle: .none)
    #expect(message.destination == .master && message.source == .master && message.authority == .master)
    #expect(message.handle == .none && message.replyTo == .none)
    #expect(message.encoding == .legacy && message.payload == [])
    #expect(Message(source: 7, handle: 1).authority == 7)
    #expect(MessageHeader.size == 26)
    #expect(MessageHeader(message).bytes == empty)
  }

  @Test func `what is said is kept`() {
    let message = Message(
      destination: 1, source: 2, authority: 3, handle: 4, replyTo: 5, encoding: .binary, payload: [6])
    #expect(message.destination == 1 && message.source == 2 && message.authority == 3)
    #expect(message.handle == 4 && message.replyTo == 5 && message.encoding == .binary && message.payload == [6])
  }

  @Test(
    arguments: [
      (Message(destination: 0x0102_0304, handle: 0), 2, 0x0102_0304),
      (Message(source: 0x0506_0708, authority: 0, handle: 0), 6, 0x0506_0708),
      (Message(authority: 0x090a_0b0c, handle: 0), 10, 0x090a_0b0c),
      (Message(handle: 0x0d0e_0f10), 14, 0x0d0e_0f10), (Message(handle: 0, replyTo: 0x1112_1314), 18, 0x1112_1314),
      (Message(handle: 0, payload: Array("hello".utf8)), 22, 5),
    ] as [(Message, Int, UInt32)])
  func `each field has its own four bytes`(message: Message, offset: Int, value: UInt32) {
    var expected = empty
    for index in 0..<4 { expected[offset + index] = UInt8(truncatingIfNeeded: value >> (24 - 8 * index)) }
    #expect(MessageHeader(message).bytes == expected)
  }

  @Test(arguments: [(MessageEncoding.legacy, 0x49), (.pickle, 0x4a), (.binary, 0x4b)] as [(MessageEncoding, UInt8)])
  func `the first two bytes name the encoding`(encoding: MessageEncoding, second: UInt8) {
    #expect(MessageHeader(Message(handle: 0, encoding: encoding)).bytes.prefix(2) == [0x4d, second])
  }

  @Test func `a message follows its header`() throws {
    for text in ["", "hello"] {
      let message = Message(handle: 1, payload: Array(text.utf8))
      var decoder = FrameDecoder(limit: 100)
      let received = try decoder.append(MessageHeader(message).bytes + message.payload)
      #expect(received.map(\.payload) == [Array(text.utf8)])
    }
  }

  @Test func `a message without a future is dead`() {
    #expect(Message.dead().isDead && Message.dead().replyTo == 999 && Message.dead().payload == [])
    #expect(Message.dead("oh no").payload == Array("oh no".utf8))
    #expect(Message(handle: 1, replyTo: 999).isDead)
    #expect(!Message(handle: 1, replyTo: 5_555).isDead)
  }

  @Test func `its description has no content`() {
    let text = Message(destination: 3, source: 2, handle: 101, payload: Array("password".utf8)).description
    #expect(text.contains("101") && text.contains("8 bytes") && !text.contains("password"))
  }
}
