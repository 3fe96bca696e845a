/// Reads texts where ours and Python's picklers put them, without parsing what follows.
enum PickleText {
  /// The text at a position, which moves behind it, and behind the number by which Python remembers it; nil if there is
  /// none, if it is longer than `limit` bytes, or if nothing follows.
  static func read(_ payload: [UInt8], _ position: inout Int, limit: Int) -> String? {
    guard payload.count - position > 5, payload[position] == 0x58 else { return nil }
    var length = 0
    for offset in 0..<4 { length |= Int(payload[position + 1 + offset]) << (8 * offset) }
    let start = position + 5
    guard length <= limit, length <= payload.count - start,
      let text = String(validating: payload[start..<start + length], as: UTF8.self)
    else { return nil }
    position = start + length
    guard position < payload.count else { return nil }
    switch payload[position] {
    case 0x71: position += 2
    case 0x72: position += 5
    default: break
    }
    return text
  }

  /// As ``read(_:_:limit:)``, where none may stand in place of a text: nil in it then.
  static func readOptional(_ payload: [UInt8], _ position: inout Int, limit: Int) -> String?? {
    guard position < payload.count else { return nil }
    guard payload[position] == 0x4e else { return read(payload, &position, limit: limit).map { .some($0) } }
    position += 1
    return .some(nil)
  }
}
