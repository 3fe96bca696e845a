/// Writes any `Encodable` value as a pickle that Mitogen reads.
///
/// Keyed containers become dictionaries with string keys (with integer keys if the coding keys have them), unkeyed ones
/// lists, `[UInt8]` bytes, nil `None`, integers of any width Python's `int`.
public struct PickleEncoder: Sendable {
  /// What `encode(to:)` methods find in their encoder.
  public var userInfo: [CodingUserInfoKey: any Sendable] = [:]
  /// How long texts and bytes may be, below what the format allows; for tests.
  var lengthLimit = Int.max

  /// Makes an encoder.
  public init() {}

  /// A pickle of `value`.
  ///
  /// - Throws: `EncodingError` if it is nested deeper than 256, or has text or bytes of more than 4 GiB in one piece; what
  ///   `encode(to:)` methods throw.
  public func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
    var writer = PickleWriter(lengthLimit: lengthLimit)
    writer.begin()
    try writer.encode(value, userInfo: userInfo)
    writer.end()
    return writer.bytes
  }
}

extension PickleWriter {
  /// Writes any value, without the frame of a stream.
  mutating func encode<Value: Encodable>(_ value: Value, userInfo: [CodingUserInfoKey: any Sendable] = [:]) throws {
    if try encodeDirectly(value) { return }
    if let convertible = value as? any PickleConvertible { return try self.value(convertible.pickledValue) }
    let state = PickleEncodingState(writer: self, userInfo: userInfo)
    try state.encodeNested(value, codingPath: [])
    self = try state.assemble()
  }

  /// Writes a value of one of the types that are met most, past all protocols; false if it is none of them.
  ///
  /// Safe: each value is only taken for a type that it is known to have.
  fileprivate mutating func encodeDirectly<Value>(_ value: Value) throws -> Bool {
    func cast<Known>(to type: Known.Type) -> Known {
      unsafe withUnsafeBytes(of: value) { unsafe $0.assumingMemoryBound(to: Known.self)[0] }
    }
    if Value.self == Int.self {
      integer(cast(to: Int.self))
    } else if Value.self == String.self {
      try string(cast(to: String.self))
    } else if Value.self == Bool.self {
      bool(cast(to: Bool.self))
    } else if Value.self == [UInt8].self {
      try byteString(cast(to: [UInt8].self))
    } else if Value.self == Double.self {
      float(cast(to: Double.self))
    } else if Value.self == Int32.self {
      integer(Int(cast(to: Int32.self)))
    } else if Value.self == UInt32.self {
      integer(Int(cast(to: UInt32.self)))
    } else if Value.self == Int64.self {
      integer(Int(cast(to: Int64.self)))
    } else if Value.self == UInt64.self {
      integer(any: cast(to: UInt64.self))
    } else if Value.self == [Int].self {
      list(cast(to: [Int].self)) { $0.integer($1) }
    } else if Value.self == [String].self {
      try list(cast(to: [String].self)) { try $0.string($1) }
    } else {
      return false
    }
    return true
  }

  private mutating func list<Element>(
    _ elements: [Element], _ write: (inout PickleWriter, Element) throws -> Void
  ) rethrows {
    emptyList()
    guard !elements.isEmpty else { return }
    mark()
    for element in elements { try write(&self, element) }
    appends()
  }
}

/// What the containers of one encoding share.
private final class PickleEncodingState {
  var writer: PickleWriter
  let userInfo: [CodingUserInfoKey: any Sendable]
  private var depth: Int
  /// Containers that were handed out, and whose content belongs where they were asked for, however late it comes.
  private var deferred: [(offset: Int, content: PickleEncodingState)] = []
  /// What went wrong where nothing can be thrown.
  var failure: (any Error)?

  init(writer: PickleWriter, userInfo: [CodingUserInfoKey: any Sendable], depth: Int = 0) {
    self.writer = writer
    self.userInfo = userInfo
    self.depth = depth
  }

  func encodeNested<Value: Encodable>(_ value: Value, codingPath: [any CodingKey]) throws {
    if try writer.encodeDirectly(value) { return }
    if let convertible = value as? any PickleConvertible {
      return try writer.value(convertible.pickledValue, depth: depth)
    }
    guard depth < PickleLimits.depth else { throw PickleLimits.tooDeep(value) }
    depth += 1
    defer { depth -= 1 }
    let start = writer.bytes.count
    try value.encode(to: PickleValueEncoder(state: self, start: start, codingPath: codingPath))
    // A value that asked for no container has nothing to say.
    if writer.bytes.count == start, !deferred.contains(where: { $0.offset == start }) { writer.emptyDictionary() }
  }

  func deferContent() -> PickleEncodingState {
    var empty = writer
    empty.removeAll()
    let content = PickleEncodingState(writer: empty, userInfo: userInfo, depth: depth + 1)
    deferred.append((writer.bytes.count, content))
    return content
  }

  /// Everything in its place.
  func assemble() throws -> PickleWriter {
    if let failure { throw failure }
    guard !deferred.isEmpty else { return writer }
    guard depth < PickleLimits.depth else { throw PickleLimits.tooDeep("a nested container") }
    var assembled = writer
    assembled.removeAll()
    var done = 0
    for (offset, content) in deferred {
      assembled.append(Array(writer.bytes[done..<offset]))
      let inner = try content.assemble().bytes
      if inner.isEmpty { assembled.emptyDictionary() } else { assembled.append(inner) }
      done = offset
    }
    assembled.append(Array(writer.bytes[done...]))
    return assembled
  }
}

extension PickleWriter {
  fileprivate mutating func removeAll() { self = PickleWriter(lengthLimit: lengthLimit) }
}

private struct PickleValueEncoder: Encoder {
  let state: PickleEncodingState
  /// Where the value begins.
  let start: Int
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { state.userInfo }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    // A value may ask twice, as subclasses do, and goes on with the same dictionary.
    if state.writer.bytes.count == start { state.writer.emptyDictionary() }
    return KeyedEncodingContainer(PickleKeyedEncoding<Key>(state: state, codingPath: codingPath))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if state.writer.bytes.count == start { state.writer.emptyList() }
    return PickleUnkeyedEncoding(state: state, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    PickleSingleEncoding(state: state, codingPath: codingPath)
  }
}

private struct PickleKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let state: PickleEncodingState
  let codingPath: [any CodingKey]

  private func begin(_ key: any CodingKey) throws {
    if let number = key.intValue { state.writer.integer(number) } else { try state.writer.string(key.stringValue) }
  }

  func encodeNil(forKey key: Key) throws {
    try begin(key)
    state.writer.none()
    state.writer.setItem()
  }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try begin(key)
    try state.encodeNested(value, codingPath: codingPath)
    state.writer.setItem()
  }

  // The protocol has implementations of its own for these two, which throw.
  func encode(_ value: Int128, forKey key: Key) throws { try encodeWide(value, key) }
  func encode(_ value: UInt128, forKey key: Key) throws { try encodeWide(value, key) }

  private func encodeWide(_ value: some FixedWidthInteger, _ key: Key) throws {
    try begin(key)
    state.writer.integer(any: value)
    state.writer.setItem()
  }

  private func nested(_ key: any CodingKey) -> PickleValueEncoder {
    do { try begin(key) } catch { state.failure = error }
    let content = state.deferContent()
    state.writer.setItem()
    return PickleValueEncoder(state: content, start: 0, codingPath: codingPath + [key])
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) -> KeyedEncodingContainer<NestedKey> { nested(key).container(keyedBy: type) }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { nested(key).unkeyedContainer() }

  func superEncoder() -> any Encoder { nested(PickleKey("super")) }

  func superEncoder(forKey key: Key) -> any Encoder { nested(key) }
}

private struct PickleUnkeyedEncoding: UnkeyedEncodingContainer {
  let state: PickleEncodingState
  let codingPath: [any CodingKey]
  private(set) var count = 0

  init(state: PickleEncodingState, codingPath: [any CodingKey]) {
    self.state = state
    self.codingPath = codingPath
  }

  mutating func encodeNil() {
    state.writer.none()
    state.writer.append()
    count += 1
  }

  mutating func encode<Value: Encodable>(_ value: Value) throws {
    try state.encodeNested(value, codingPath: codingPath)
    state.writer.append()
    count += 1
  }

  // As in keyed containers.
  mutating func encode(_ value: Int128) throws { encodeWide(value) }
  mutating func encode(_ value: UInt128) throws { encodeWide(value) }

  private mutating func encodeWide(_ value: some FixedWidthInteger) {
    state.writer.integer(any: value)
    state.writer.append()
    count += 1
  }

  private mutating func nested() -> PickleValueEncoder {
    let content = state.deferContent()
    state.writer.append()
    defer { count += 1 }
    return PickleValueEncoder(state: content, start: 0, codingPath: codingPath + [PickleKey(count)])
  }

  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) -> KeyedEncodingContainer<NestedKey> { nested().container(keyedBy: type) }

  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nested().unkeyedContainer() }

  mutating func superEncoder() -> any Encoder { nested() }
}

private struct PickleSingleEncoding: SingleValueEncodingContainer {
  let state: PickleEncodingState
  let codingPath: [any CodingKey]

  func encodeNil() { state.writer.none() }
  func encode(_ value: Bool) { state.writer.bool(value) }
  func encode(_ value: String) throws { try state.writer.string(value) }
  func encode(_ value: Double) { state.writer.float(value) }
  func encode(_ value: Float) { state.writer.float(Double(value)) }
  func encode(_ value: Int) { state.writer.integer(value) }
  func encode(_ value: Int8) { state.writer.integer(Int(value)) }
  func encode(_ value: Int16) { state.writer.integer(Int(value)) }
  func encode(_ value: Int32) { state.writer.integer(Int(value)) }
  func encode(_ value: Int64) { state.writer.integer(Int(value)) }
  func encode(_ value: Int128) { state.writer.integer(any: value) }
  func encode(_ value: UInt) { state.writer.integer(any: value) }
  func encode(_ value: UInt8) { state.writer.integer(Int(value)) }
  func encode(_ value: UInt16) { state.writer.integer(Int(value)) }
  func encode(_ value: UInt32) { state.writer.integer(Int(value)) }
  func encode(_ value: UInt64) { state.writer.integer(any: value) }
  func encode(_ value: UInt128) { state.writer.integer(any: value) }
  func encode<Value: Encodable>(_ value: Value) throws { try state.encodeNested(value, codingPath: codingPath) }
}
