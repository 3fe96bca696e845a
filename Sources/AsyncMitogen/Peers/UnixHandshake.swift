/// What a listener and its client say before the first frame, as the listener reads it. Pure.
///
/// Mitogen's handshake: the client sends the number of its process, the listener answers with the client's new context,
/// its own context, and the number of its own process; each is 4 bytes, the first the most significant.
struct UnixListenerHandshake: Sendable {
  /// How many bytes a client says.
  static let size = 4

  private var received: [UInt8] = []

  /// How many bytes are missing: exactly as many may be read, for frames follow.
  var missing: Int { UnixListenerHandshake.size - received.count }

  /// Takes bytes, no more than are missing; returns the number of the client's process when it is complete.
  ///
  /// The number is what the client says, and means nothing by itself: in another process namespace it is another one.
  mutating func receive(_ bytes: some Collection<UInt8>) -> UInt32? {
    received += bytes.prefix(missing)
    return missing == 0 ? UInt32(bigEndian: received[...]) : nil
  }

  /// What the listener answers.
  static func answer(client: ContextID, listener: ContextID, process: UInt32) -> [UInt8] {
    client.rawValue.bigEndianBytes + listener.rawValue.bigEndianBytes + process.bigEndianBytes
  }
}

/// The same, as the client reads it. Pure.
struct UnixClientHandshake: Sendable {
  /// How many bytes a listener answers.
  static let size = 12

  /// What the listener said.
  struct Answer: Sendable, Equatable {
    /// The context that this process is, in the listener's tree.
    let client: ContextID
    /// The context that the listener is in.
    let listener: ContextID
    /// The process that the listener is in, as it says.
    let process: UInt32
  }

  private var received: [UInt8] = []

  /// How many bytes are missing: exactly as many may be read, for frames follow.
  var missing: Int { UnixClientHandshake.size - received.count }

  /// What a client says.
  static func greeting(process: UInt32) -> [UInt8] { process.bigEndianBytes }

  /// Takes bytes, no more than are missing; returns the answer when it is complete.
  ///
  /// - Throws: ``StreamError`` if no context can have been meant: there would be two of one number.
  mutating func receive(_ bytes: some Collection<UInt8>) throws(StreamError) -> Answer? {
    received += bytes.prefix(missing)
    guard missing == 0 else { return nil }
    let answer = Answer(
      client: ContextID(rawValue: UInt32(bigEndian: received[0..<4])),
      listener: ContextID(rawValue: UInt32(bigEndian: received[4..<8])), process: UInt32(bigEndian: received[8..<12]))
    guard answer.client != .master, answer.client != answer.listener else {
      throw StreamError("the listener in context \(answer.listener) gave the number \(answer.client) to its client")
    }
    return answer
  }

  /// What it means that the other side closes the connection now.
  var whatEndMeans: String {
    "it closed the connection " + (received.isEmpty ? "without an answer" : "in the middle of its answer")
  }
}

extension UInt32 {
  fileprivate var bigEndianBytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self >> $0) } }

  fileprivate init(bigEndian bytes: ArraySlice<UInt8>) { self = bytes.reduce(0) { $0 << 8 | UInt32($1) } }
}
