import Testing

@testable import AsyncMitogen

/// An error with a text of its own.
struct Loud: Error, CustomStringConvertible {
  var description: String
}

/// What a call error says, and what becomes of replies that are none.
struct CallErrorTests {
  @Test func `type, message and place make its text`() {
    let error = CallError(describing: Loud(description: "eek"), in: 3)
    #expect(error.typeName == "AsyncMitogenTests.Loud" && error.message == "eek" && error.context == 3)
    #expect(error.description == "AsyncMitogenTests.Loud: eek (in context 3)")
    #expect(CallError(describing: CancellationError(), in: 0).typeName == "Swift.CancellationError")
    // Text is text: nothing in it is a place for something else.
    #expect(CallError(typeName: "M.E", message: "%s%s %d").description == "M.E: %s%s %d")
  }

  @Test func `what it says of itself is bounded`() {
    let long = CallError(describing: Loud(description: String(repeating: "x", count: 100_000)), in: 3)
    #expect(long.message.count == 8_192)
    var nested = CallError(describing: Loud(description: "first"), in: 0)
    for context in 1...100 as ClosedRange<UInt32> {
      nested = CallError(describing: nested, in: ContextID(rawValue: context))
    }
    #expect(nested.causes.count == 63 && nested.context == 100)
  }

  private func reply(_ encoding: MessageEncoding, _ payload: [UInt8]) -> Message {
    Message(source: 4, handle: 1_000, encoding: encoding, payload: payload)
  }

  @Test func `a reply of a forbidden class is refused`() {
    let payload = PickleVectorTests.bytes("80 02 63 \"testmod¶CrazyType¶\" 29 52 2e")
    let error = #expect(throws: StreamError.self) {
      try CallReply.decode(PickledValue.self, from: reply(.pickle, payload), router: nil)
    }
    #expect(error?.message == "cannot unpickle 'testmod'/'CrazyType'")
  }

  @Test func `an error in a reply is thrown, or read as a value of its own`() throws {
    let payload = CallReply.failure(CallError(typeName: "M.E", message: "oops"))
    #expect(throws: CallError(typeName: "M.E", message: "oops")) {
      try CallReply.decode(Int.self, from: reply(.pickle, payload), router: nil)
    }
    #expect(try Unpickled(payload).root.value == .callError("M.E: oops"))
  }

  @Test func `a dead reply is a channel that is closed`() {
    let dead = Message.dead("derp", source: 4, handle: 1_000)
    #expect(throws: ChannelError("derp", context: 4)) { try CallReply.decode(Int.self, from: dead, router: nil) }
  }

  @Test func `raw bytes are bytes, whatever they look like, and nothing else`() throws {
    let payload = try PickleEncoder().encode(5)
    #expect(try CallReply.decode([UInt8].self, from: reply(.binary, payload), router: nil) == payload)
    #expect(try CallReply.decode(Blob.self, from: reply(.binary, payload), router: nil) == Blob(payload))
    #expect(try CallReply.decode(PickledValue.self, from: reply(.binary, payload), router: nil) == .bytes(payload))
    #expect(throws: StreamError.self) { try CallReply.decode(Int.self, from: reply(.binary, payload), router: nil) }
    #expect(try CallReply.decode(Int.self, from: reply(.pickle, payload), router: nil) == 5)
    #expect(try CallReply.decode(Int.self, from: reply(.legacy, payload), router: nil) == 5)
  }

  @Test func `a context without a router is a value that cannot be reached`() throws {
    let pickle = try PickleEncoder().encode(PickledValue.context(id: 9, name: "far"))
    let context = try PickleDecoder().decode(Context.self, from: pickle)
    #expect(context.id == 9 && context.name == "far")
    #expect(throws: StreamError.self) { try context.send([], to: 1) }
    #expect(throws: StreamError.self) { try Sender<Int>(context: context, handle: 1) }
  }
}
