/// Writes the opcodes of Python's pickle protocol 2.
///
/// Without a memo: nothing is written twice in a message of ours, and no reader needs one. Bytes are written as the
/// strings of Python 2, which every Mitogen reads as bytes, and which do not grow.
struct PickleWriter {
  /// What has been written.
  private(set) var bytes: [UInt8]
  let lengthLimit: Int

  /// - Parameter lengthLimit: How long texts and bytes may be, below what the format allows; for tests.
  init(lengthLimit: Int = .max) {
    self.lengthLimit = lengthLimit
    bytes = []
    bytes.reserveCapacity(192)
  }

  /// How long a call error's text may be, in characters: Mitogen refuses longer ones.
  static let callErrorLimit = 9_999

  /// How our streams begin.
  static let beginning: [UInt8] = [0x80, 0x02]

  // MARK: streams

  mutating func begin() {
    bytes.append(0x80)
    bytes.append(0x02)
  }

  mutating func end() { bytes.append(0x2e) }

  /// Adds what is already a pickle.
  mutating func append(_ pickle: [UInt8]) { bytes += pickle }

  // MARK: scalars

  mutating func none() { bytes.append(0x4e) }

  mutating func bool(_ value: Bool) { bytes.append(value ? 0x88 : 0x89) }

  mutating func integer(_ value: Int) {
    if value >= 0, value < 0x100 {
      bytes.append(0x4b)
      bytes.append(UInt8(truncatingIfNeeded: value))
    } else if value >= 0, value < 0x1_0000 {
      bytes.append(0x4d)
      littleEndian(value, count: 2)
    } else if value >= Int(Int32.min), value <= Int(Int32.max) {
      bytes.append(0x4a)
      littleEndian(value, count: 4)
    } else {
      wide(value)
    }
  }

  /// An integer of any width.
  mutating func integer<Value: FixedWidthInteger>(any value: Value) {
    if let value = Int(exactly: value) { integer(value) } else { wide(value) }
  }

  /// The shortest two's complement of a value beyond 32 bits.
  private mutating func wide<Value: FixedWidthInteger>(_ value: Value) {
    var octets: [UInt8] = []
    var rest = value
    repeat {
      octets.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    } while !(rest == 0 && octets[octets.count - 1] < 0x80)
      && !(Value.isSigned && rest == (0 as Value) &- 1 && octets[octets.count - 1] >= 0x80)
    unchecked(bigInteger: octets)
  }

  /// A two's complement, the least byte first.
  ///
  /// - Throws: `EncodingError` if it is too long.
  mutating func bigInteger(_ octets: [UInt8]) throws {
    try PickleLimits.checkLength(octets.count, .signed, lengthLimit)
    unchecked(bigInteger: octets)
  }

  private mutating func unchecked(bigInteger octets: [UInt8]) {
    if octets.count < 256 {
      bytes.append(0x8a)
      bytes.append(UInt8(truncatingIfNeeded: octets.count))
    } else {
      bytes.append(0x8b)
      littleEndian(octets.count, count: 4)
    }
    bytes += octets
  }

  mutating func float(_ value: Double) {
    bytes.append(0x47)
    for shift in stride(from: 56, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift)))
    }
  }

  /// - Throws: `EncodingError` if it is too long.
  mutating func string(_ text: String) throws {
    try PickleLimits.checkLength(text.utf8.count, .unsigned, lengthLimit)
    unchecked(string: text)
  }

  /// A text of which at most so many scalars are written.
  mutating func string(_ text: String, scalars limit: UInt16) {
    // Each takes four bytes at most: what is not longer need not be counted.
    let fits = text.utf8.count <= Int(limit)
    unchecked(string: fits ? text : String(text.unicodeScalars.prefix(Int(limit))))
  }

  private mutating func unchecked(string text: String) {
    let utf8 = text.utf8
    bytes.append(0x58)
    littleEndian(utf8.count, count: 4)
    bytes.append(contentsOf: utf8)
  }

  /// - Throws: `EncodingError` if they are too long.
  mutating func byteString(_ content: [UInt8]) throws {
    try PickleLimits.checkLength(content.count, .unsigned, lengthLimit)
    if content.count < 256 {
      bytes.append(0x55)
      bytes.append(UInt8(truncatingIfNeeded: content.count))
    } else {
      // In one piece: large contents are the reason why there is this form.
      bytes.reserveCapacity(bytes.count + content.count + 6)
      bytes.append(PickleWriter.opcode(forBytes: content.count))
      littleEndian(content.count, count: 4)
    }
    bytes += content
  }

  /// Python reads the length of its old strings as a number with a sign; that of bytes, which Python 3 has, without.
  static func opcode(forBytes count: Int) -> UInt8 { count <= Int(Int32.max) ? 0x54 : 0x42 }

  // MARK: containers

  mutating func mark() { bytes.append(0x28) }
  /// Makes a tuple of everything behind the last mark.
  mutating func tuple() { bytes.append(0x74) }
  mutating func tuple1() { bytes.append(0x85) }
  mutating func tuple2() { bytes.append(0x86) }
  mutating func emptyTuple() { bytes.append(0x29) }
  mutating func emptyList() { bytes.append(0x5d) }
  /// Adds the value on top to the list below it.
  mutating func append() { bytes.append(0x61) }
  /// Adds everything behind the last mark to the list before it.
  mutating func appends() { bytes.append(0x65) }
  mutating func emptyDictionary() { bytes.append(0x7d) }
  /// Adds key and value on top to the dictionary below them.
  mutating func setItem() { bytes.append(0x73) }

  // MARK: Mitogen's types

  private mutating func global(_ name: StaticString) {
    bytes.append(0x63)
    unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  private mutating func reduce() { bytes.append(0x52) }

  mutating func blob(_ content: [UInt8]) throws {
    global("mitogen.core\nBlob\n")
    try byteString(content)
    tuple1()
    reduce()
  }

  mutating func secret(_ text: String) throws {
    global("mitogen.core\nSecret\n")
    try string(text)
    tuple1()
    reduce()
  }

  /// A call error; of a text that is too long for Mitogen the end is left out.
  mutating func callError(_ text: String) {
    let isLong =
      text.utf8.count > PickleWriter.callErrorLimit && text.unicodeScalars.count > PickleWriter.callErrorLimit
    var kept = text
    if isLong {
      // Python counts scalars, not characters.
      let note = "… (cut)"
      kept = String(text.unicodeScalars.prefix(PickleWriter.callErrorLimit - note.unicodeScalars.count)) + note
    }
    global("mitogen.core\n_unpickle_call_error\n")
    string(kept, scalars: UInt16(PickleWriter.callErrorLimit))
    tuple1()
    reduce()
  }

  mutating func context(_ id: ContextID, name: String?) {
    global("mitogen.core\n_unpickle_context\n")
    integer(Int(id.rawValue))
    // Mitogen refuses longer names.
    if let name { string(name, scalars: 500) } else { none() }
    tuple2()
    reduce()
  }

  mutating func sender(_ context: ContextID, _ handle: Handle) {
    global("mitogen.core\n_unpickle_sender\n")
    integer(Int(context.rawValue))
    integer(Int(handle.rawValue))
    tuple2()
    reduce()
  }

  /// Keyword arguments; `write` writes them as a dictionary.
  mutating func keywords(_ write: (inout PickleWriter) throws -> Void) rethrows {
    global("mitogen.core\nKwargs\n")
    try write(&self)
    tuple1()
    reduce()
  }

  private mutating func littleEndian(_ value: Int, count: Int) {
    for shift in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
  }

  // MARK: values

  /// Any value.
  ///
  /// - Throws: `EncodingError` if it is nested too deep, or a part of it is too long.
  mutating func value(_ value: PickledValue, depth: Int = 0) throws {
    guard depth <= PickleLimits.depth else { throw PickleLimits.tooDeep(value) }
    switch value {
    case .none: none()
    case .bool(let value): bool(value)
    case .integer(let value): integer(value)
    case .bigInteger(let octets): try bigInteger(octets)
    case .float(let value): float(value)
    case .string(let text): try string(text)
    case .bytes(let content): try byteString(content)
    case .list(let values):
      emptyList()
      guard !values.isEmpty else { return }
      mark()
      for element in values { try self.value(element, depth: depth + 1) }
      appends()
    case .tuple(let values):
      guard !values.isEmpty else { return emptyTuple() }
      mark()
      for element in values { try self.value(element, depth: depth + 1) }
      tuple()
    case .dictionary(let entries): try dictionary(entries, depth)
    case .keywords(let entries):
      try keywords { try $0.dictionary(entries, depth) }
    case .blob(let content): try blob(content)
    case .secret(let text): try secret(text)
    case .callError(let text): callError(text)
    case .context(let id, let name): context(id, name: name)
    case .sender(let context, let handle): sender(context, handle)
    }
  }

  private mutating func dictionary(_ entries: [PickledValue.Entry], _ depth: Int) throws {
    emptyDictionary()
    for entry in entries {
      try value(entry.key, depth: depth + 1)
      try value(entry.value, depth: depth + 1)
      setItem()
    }
  }
}
