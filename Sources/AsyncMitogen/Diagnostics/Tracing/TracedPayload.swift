/// The payload of a call with fields: their length in four bytes, the fields as a pickled dictionary, the call's own payload.
///
/// The first byte is 0, which begins no pickle. Pure.
enum TracedPayload {
  /// How much of fields is read; those who send keep to ``CallTracing/limit``, plus what pickling adds.
  static let readLimit = 65_536

  /// - Throws: An encoding error.
  static func encode(_ fields: [String: String], _ payload: [UInt8]) throws -> [UInt8] {
    let head = try PickleEncoder().encode(fields)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 + head.count + payload.count)
    for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: head.count >> shift)) }
    bytes += head
    bytes += payload
    return bytes
  }

  /// Where the call's own payload begins; nil if the bytes are none of ours.
  static func start(of payload: [UInt8]) -> Int? {
    guard payload.count > 4, payload[0] == 0 else { return nil }
    let length = payload[..<4].reduce(0) { $0 << 8 | Int($1) }
    return length <= readLimit && length <= payload.count - 4 ? 4 + length : nil
  }

  /// The fields and the call's own payload; fields that cannot be read are none.
  static func decode(_ payload: [UInt8]) -> (fields: [String: String], payload: [UInt8])? {
    guard let start = start(of: payload) else { return nil }
    let fields = try? PickleDecoder().decode([String: String].self, from: Array(payload[4..<start]))
    return (fields ?? [:], Array(payload[start...]))
  }
}
