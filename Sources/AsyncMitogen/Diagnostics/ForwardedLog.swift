/// A log record as it crosses the wire: `logger NUL level NUL message`, the payload of a `FORWARD_LOG` message.
///
/// The level is a decimal number; the message is UTF-8 and may have lines and further NULs.
struct ForwardedLog: Hashable, Sendable {
  /// The longest logger name that is accepted, and sent: bytes.
  static let nameLimit = 1024
  /// The longest message that is sent whole, or delivered whole: bytes.
  static let messageLimit = 1024 * 1024

  var logger: String
  var level: LogLevel
  var message: String

  init(logger: String, level: LogLevel, message: String) {
    self.logger = logger
    self.level = level
    self.message = message
  }

  init(_ record: LogRecord) { self.init(logger: record.logger, level: record.level, message: record.message) }

  /// Reads a payload. Nil if a field is missing, the level is no decimal number of 32 bits, or the name is too long.
  ///
  /// Bytes that are no UTF-8 become U+FFFD. A message that is too long is cut, and says so.
  init?(payload: [UInt8]) {
    // A hostile sender may have left the separators out of a payload of 128 MiB: look no further than they can be.
    guard let nameEnd = payload.prefix(Self.nameLimit + 1).firstIndex(of: 0) else { return nil }
    let afterName = payload[(nameEnd + 1)...]
    guard let levelEnd = afterName.prefix(12).firstIndex(of: 0),
      let level = Int32(String(decoding: afterName[..<levelEnd], as: UTF8.self))
    else { return nil }
    self.init(
      logger: String(decoding: payload[..<nameEnd], as: UTF8.self), level: LogLevel(rawValue: Int(level)),
      message: Self.text(payload[(levelEnd + 1)...]))
  }

  /// The payload. NULs in the name become U+FFFD, a name that is too long is cut; a message is cut as when it is read.
  var payload: [UInt8] {
    let name = logger.utf8.prefix(Self.nameLimit + 1)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.count + 8 + min(message.utf8.count, Self.messageLimit))
    if name.count > Self.nameLimit || name.contains(0) {
      let replacement = Array("\u{FFFD}".utf8)
      let replaced = name.flatMap { $0 == 0 ? replacement : [$0] }
      bytes.append(contentsOf: replaced[..<Self.cut(replaced[...], to: Self.nameLimit)])
    } else {
      bytes.append(contentsOf: name)
    }
    bytes.append(0)
    bytes.append(contentsOf: String(level.rawValue).utf8)
    bytes.append(0)
    if message.utf8.count <= Self.messageLimit {
      bytes.append(contentsOf: message.utf8)
    } else {
      bytes.append(contentsOf: Self.text(Array(message.utf8)[...]).utf8)
    }
    return bytes
  }

  /// The record in the process that received it. Its time is now: the wire has none.
  func record(from context: ContextID, named name: String?) -> LogRecord {
    LogRecord(level: level, logger: logger, message: message, contextID: context, contextName: name)
  }

  /// The bytes as text, cut with a note at the end if they are too many; with the note they are not.
  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    guard bytes.count > messageLimit else { return String(decoding: bytes, as: UTF8.self) }
    let end = cut(bytes, to: messageLimit - 64)
    return String(decoding: bytes[..<end], as: UTF8.self) + "… (\(bytes.endIndex - end) bytes more)"
  }

  /// The index at which to cut so that at most `limit` bytes stay and no character is cut in two.
  private static func cut(_ bytes: ArraySlice<UInt8>, to limit: Int) -> Int {
    guard bytes.count > limit else { return bytes.endIndex }
    let end = bytes.startIndex + limit
    for index in stride(from: end, to: max(end - 4, bytes.startIndex), by: -1) where bytes[index] & 0xC0 != 0x80 {
      return index
    }
    return end
  }
}
