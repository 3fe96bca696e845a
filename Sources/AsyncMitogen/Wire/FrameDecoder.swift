internal import CAsyncMitogen

/// What came cannot be a frame; the stream is beyond repair.
enum FrameError: Error, Hashable, Sendable {
  /// The first two bytes are none that a header begins with; `received` holds at most 2,048 bytes from there.
  case badSignature(received: [UInt8])
  /// A frame announces more than the limit.
  case tooLarge(length: Int, limit: Int)
}

/// Prepares the process, once, for payloads that come and go.
enum LargePayloads {
  static let prepared: Void = amt_keep_freed_memory()
}

/// Cuts a stream of bytes into messages.
///
/// Bytes are read into one buffer that is used again and again, or, once a large payload has begun, straight into that
/// payload: each byte of a payload is copied at most once. Memory for a payload is reserved as its bytes arrive.
@safe struct FrameDecoder: ~Copyable {
  /// How much is read at once.
  static let chunkSize = 131_072
  /// The largest payload that is waited for inside the buffer.
  private static let smallPayload = 4_096
  /// How much of a large payload is reserved before any of it has come.
  private static let firstReservation = 1 << 20

  private let limit: Int
  fileprivate let buffer: UnsafeMutableRawBufferPointer
  fileprivate var start = 0
  fileprivate var end = 0
  private var header: MessageHeader?
  private var payload: [UInt8] = []
  /// Whether the last message had a large payload.
  private var wasLarge = false

  /// Makes a decoder that refuses payloads of more than `limit` bytes.
  init(limit: Int) {
    self.limit = limit
    unsafe buffer = .allocate(byteCount: FrameDecoder.chunkSize, alignment: 16)
  }

  deinit { unsafe buffer.deallocate() }

  /// Whether the stream may end here: no frame has begun.
  var isAtBoundary: Bool { header == nil && start == end }

  /// Lets `body` put new bytes into at most two places, in this order; it returns how many, or 0 or less for none.
  mutating func receive(
    _ body: (_ first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer) -> Int
  ) -> Int {
    if start > 0 {
      // What is left is less than a small frame: whatever is larger has gone to its payload.
      unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start..<end]))
      end -= start
      start = 0
    }
    let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
    guard let header else {
      // Large payloads come one after the other: the next one had better not come here first.
      let room = unsafe UnsafeMutableRawBufferPointer(
        rebasing: room.prefix(wasLarge ? FrameDecoder.smallPayload : room.count))
      let none = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
      let count = unsafe body(room, none)
      end += max(0, count)
      return count
    }
    // While a payload is filled nothing is in the buffer.
    let missing = header.length - payload.count
    if payload.capacity - payload.count < min(missing, FrameDecoder.chunkSize) {
      payload.reserveCapacity(min(header.length, max(FrameDecoder.firstReservation, payload.count * 2)))
    }
    let wanted = min(missing, payload.capacity - payload.count)
    var result = 0
    payload.append(addingCapacity: wanted) { span in
      unsafe span.withUnsafeMutableBufferPointer { free, count in
        let first = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(free)[..<wanted])
        // Bytes behind the payload go to the buffer, but only if the payload is complete then, and not many: where one
        // large payload ends another one may begin, whose bytes had better go straight to their place.
        let behind = unsafe UnsafeMutableRawBufferPointer(
          rebasing: room[..<(wanted == missing ? min(room.count, FrameDecoder.smallPayload) : 0)])
        result = unsafe body(first, behind)
        count = min(wanted, max(0, result))
      }
    }
    end += max(0, result - wanted)
    return result
  }

  /// Takes the next complete message; nil if more bytes are needed.
  mutating func next() throws(FrameError) -> Message? {
    if let header {
      guard payload.count == header.length else { return nil }
      defer { self.header = nil }
      return header.message(payload.take())
    }
    let available = end - start
    guard available >= MessageHeader.size else { return nil }
    let bytes = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start..<end])
    guard let header = unsafe MessageHeader(bytes.bytes) else {
      throw .badSignature(received: unsafe Array(bytes.prefix(2_048)))
    }
    guard header.length <= limit else { throw .tooLarge(length: header.length, limit: limit) }
    let body = unsafe UnsafeRawBufferPointer(rebasing: bytes[MessageHeader.size...])
    if body.count >= header.length {
      wasLarge = false
      start += MessageHeader.size + header.length
      if start == end { (start, end) = (0, 0) }
      return unsafe header.message(Array(body.prefix(header.length)))
    }
    guard header.length > FrameDecoder.smallPayload else { return nil }
    _ = LargePayloads.prepared
    payload.reserveCapacity(min(header.length, FrameDecoder.firstReservation))
    unsafe payload.append(contentsOf: body)
    self.header = header
    wasLarge = true
    (start, end) = (0, 0)
    return nil
  }

  /// Adds bytes that are already in memory; for tests and for what came before the frames.
  mutating func append(_ bytes: [UInt8]) throws(FrameError) -> [Message] {
    var messages: [Message] = []
    var offset = 0
    while offset < bytes.count {
      let count = unsafe receive { first, second in
        unsafe bytes.withUnsafeBytes { source in
          let taken = min(first.count, source.count - offset)
          unsafe first.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + taken]))
          return taken
        }
      }
      offset += count
      while let message = try next() { messages.append(message) }
    }
    return messages
  }
}

extension Array {
  /// Moves the content out, and leaves an empty array.
  fileprivate mutating func take() -> [Element] {
    var taken: [Element] = []
    swap(&taken, &self)
    return taken
  }
}

extension FrameDecoder {
  /// Takes the bytes that have been received and are not yet part of a message.
  mutating func takeRaw() -> [UInt8] {
    defer { (start, end) = (0, 0) }
    return unsafe Array(buffer[start..<end])
  }

  /// Puts back bytes that ``takeRaw()`` took, or the last of them.
  mutating func restore(_ bytes: [UInt8]) {
    unsafe buffer.copyBytes(from: bytes)
    (start, end) = (0, bytes.count)
  }
}
