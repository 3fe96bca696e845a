/// The 26 bytes before each payload: big-endian, without padding.
struct MessageHeader: Hashable, Sendable {
  /// How many bytes a header takes.
  static let size = 26

  var encoding: MessageEncoding
  var destination: ContextID
  var source: ContextID
  var authority: ContextID
  var handle: Handle
  var replyTo: Handle
  var length: Int

  init(_ message: Message) {
    encoding = message.encoding
    destination = message.destination
    source = message.source
    authority = message.authority
    handle = message.handle
    replyTo = message.replyTo
    length = message.payload.count
  }

  /// Reads a header from the first bytes of `bytes`; nil if its encoding is none of the three.
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= MessageHeader.size,
      let encoding = MessageEncoding(rawValue: UInt16(bigEndian: unsafe bytes.unsafeLoadUnaligned(as: UInt16.self)))
    else { return nil }
    func word(_ offset: Int) -> UInt32 {
      UInt32(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    self.encoding = encoding
    destination = ContextID(rawValue: word(2))
    source = ContextID(rawValue: word(6))
    authority = ContextID(rawValue: word(10))
    handle = Handle(rawValue: word(14))
    replyTo = Handle(rawValue: word(18))
    length = Int(word(22))
  }

  /// Writes the header to `buffer`, which has room for it.
  func write(to buffer: UnsafeMutableRawBufferPointer) {
    precondition(buffer.count >= MessageHeader.size)
    unsafe buffer.storeBytes(of: encoding.rawValue.bigEndian, toByteOffset: 0, as: UInt16.self)
    let words =
      [
        destination.rawValue, source.rawValue, authority.rawValue, handle.rawValue, replyTo.rawValue,
        UInt32(truncatingIfNeeded: length),
      ] as InlineArray<6, UInt32>
    for index in words.indices {
      unsafe buffer.storeBytes(of: words[index].bigEndian, toByteOffset: 2 + 4 * index, as: UInt32.self)
    }
  }

  /// The header as bytes.
  var bytes: [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: MessageHeader.size) { buffer, count in
      unsafe write(to: UnsafeMutableRawBufferPointer(buffer))
      count = MessageHeader.size
    }
  }

  /// The message with this header and `payload`.
  func message(_ payload: [UInt8]) -> Message {
    Message(
      destination: destination, source: source, authority: authority, handle: handle, replyTo: replyTo,
      encoding: encoding, payload: payload)
  }
}
