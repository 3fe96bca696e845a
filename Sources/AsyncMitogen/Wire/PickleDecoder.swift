/// Reads any `Decodable` value from a pickle, whoever wrote it.
///
/// Lists and tuples serve unkeyed containers, dictionaries keyed ones; bytes that are UTF-8 serve where text is wanted,
/// for Python 2 writes text so.
public struct PickleDecoder: Sendable {
  /// What `init(from:)` initializers find in their decoder.
  public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

  /// Makes a decoder.
  public init() {}

  /// The value of a pickle.
  ///
  /// - Throws: ``StreamError`` if the bytes are no pickle or hold what is not data, `DecodingError` if they hold another
  ///   type, and what `init(from:)` initializers throw.
  public func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    if bytes.count < 16, bytes.starts(with: PickleWriter.beginning) {
      var position = PickleWriter.beginning.count
      if let value = PickleScalar.read(type, bytes, at: &position), position == bytes.count - 1, bytes[position] == 0x2e
      {
        return value
      }
    }
    return try Unpickled(bytes).root.decode(type, userInfo: userInfo)
  }
}

extension Unpickled.Node {
  /// The value, as this type.
  ///
  /// - Parameter positional: What has no names, if this holds the keywords of a call: goes to the keys of the outermost
  ///   type.
  func decode<Value: Decodable>(
    _ type: Value.Type, userInfo: [CodingUserInfoKey: any Sendable], codingPath: [any CodingKey] = [],
    positional: PositionalArguments? = nil
  ) throws -> Value {
    if let value = decodeDirectly(type) { return value }
    do {
      if let convertible = type as? any PickleConvertible.Type {
        if let value = try convert(to: convertible, userInfo, codingPath) as? Value { return value }
      }
      return try Value(
        from: PickleValueDecoder(node: self, userInfo: userInfo, codingPath: codingPath, positional: positional))
    } catch {
      (userInfo[.decodingTrace] as? DecodingTrace)?.noteFailure(at: codingPath, of: self)
      throw error
    }
  }

  /// A value of a type that a pickle has a form of its own for; what is wrong with it says where.
  private func convert(
    to type: any PickleConvertible.Type, _ userInfo: [CodingUserInfoKey: any Sendable], _ codingPath: [any CodingKey]
  ) throws -> any PickleConvertible {
    do { return try type.init(pickledValue: value, userInfo: userInfo) } catch let error as StreamError
      where !codingPath.isEmpty
    {
      throw DecodingError.dataCorrupted(
        .init(codingPath: codingPath, debugDescription: error.description, underlyingError: error))
    }
  }

  /// A value of one of the types that are met most, past all protocols; nil if it is none of them, or of another type.
  private func decodeDirectly<Value>(_ type: Value.Type) -> Value? {
    if type == Int.self { return integer as? Value }
    if type == String.self { return text as? Value }
    if type == Bool.self { return boolean as? Value }
    if type == [UInt8].self { return bytes as? Value }
    if type == Double.self { return double as? Value }
    if type == Int32.self { return integer(as: Int32.self) as? Value }
    if type == UInt32.self { return integer(as: UInt32.self) as? Value }
    guard isSequence else { return nil }
    if type == [Int].self { return elements { $0.integer } as? Value }
    if type == [String].self { return elements { $0.text } as? Value }
    return nil
  }

  private func elements<Element>(_ read: (Unpickled.Node) -> Element?) -> [Element]? {
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for position in 0..<count {
      guard let element = read(element(position)) else { return nil }
      elements.append(element)
    }
    return elements
  }

  fileprivate func mismatch(_ expected: Any.Type, _ codingPath: [any CodingKey]) -> DecodingError {
    .typeMismatch(
      expected, .init(codingPath: codingPath, debugDescription: "expected \(expected), found \(typeName)"))
  }
}

private struct PickleValueDecoder: Decoder {
  let node: Unpickled.Node
  let userInfoValues: [CodingUserInfoKey: any Sendable]
  let codingPath: [any CodingKey]
  private let positional: PositionalArguments?
  var userInfo: [CodingUserInfoKey: Any] { userInfoValues }

  init(
    node: Unpickled.Node, userInfo: [CodingUserInfoKey: any Sendable], codingPath: [any CodingKey],
    positional: PositionalArguments? = nil
  ) {
    self.node = node
    userInfoValues = userInfo
    self.codingPath = codingPath
    self.positional = positional
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard node.isDictionary else { throw node.mismatch([String: PickledValue].self, codingPath) }
    return KeyedDecodingContainer(
      PickleKeyedDecoding<Key>(
        node: node, userInfo: userInfoValues, codingPath: codingPath, positional: positional))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard node.isSequence || node.bytes != nil else { throw node.mismatch([PickledValue].self, codingPath) }
    return PickleUnkeyedDecoding(node: node, userInfo: userInfoValues, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer {
    PickleSingleDecoding(node: node, userInfo: userInfoValues, codingPath: codingPath)
  }
}

private final class PickleKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let node: Unpickled.Node
  let userInfo: [CodingUserInfoKey: any Sendable]
  let codingPath: [any CodingKey]
  private let positional: PositionalArguments?
  /// Where the next key probably is: keys are mostly read in the order in which they were written.
  private var cursor = 0
  private var table: [String: Int]?

  init(
    node: Unpickled.Node, userInfo: [CodingUserInfoKey: any Sendable], codingPath: [any CodingKey],
    positional: PositionalArguments?
  ) {
    self.node = node
    self.userInfo = userInfo
    self.codingPath = codingPath
    self.positional = positional
  }

  var allKeys: [Key] {
    (0..<node.count).compactMap { position in
      let key = node.dictionaryEntry(position).key
      if let text = key.text { return Key(stringValue: text) }
      return key.integer.flatMap { Key(intValue: $0) }
    }
  }

  private func find(_ key: any CodingKey) -> Unpickled.Node? {
    let named = findNamed(key)
    return positional?.value(for: key.stringValue, isNamed: named != nil) ?? named
  }

  private func findNamed(_ key: any CodingKey) -> Unpickled.Node? {
    let count = node.count
    if cursor < count {
      let (found, value) = node.dictionaryEntry(cursor)
      if matches(found, key) {
        cursor += 1
        return value
      }
    }
    if count > 16 {
      let table = table ?? makeTable()
      self.table = table
      guard let position = table[key.stringValue] else { return nil }
      cursor = position + 1
      return node.dictionaryEntry(position).value
    }
    for position in stride(from: count - 1, through: 0, by: -1) {
      let (found, value) = node.dictionaryEntry(position)
      guard matches(found, key) else { continue }
      cursor = position + 1
      return value
    }
    return nil
  }

  private func matches(_ found: Unpickled.Node, _ key: any CodingKey) -> Bool {
    if found.matches(key.stringValue) { return true }
    guard let number = found.integer else { return false }
    return key.intValue == number || key.stringValue == String(number)
  }

  private func makeTable() -> [String: Int] {
    var table: [String: Int] = [:]
    for position in 0..<node.count {
      let key = node.dictionaryEntry(position).key
      if let name = key.text ?? key.integer.map({ String($0) }) { table[name] = position }
    }
    return table
  }

  private func require(_ key: Key) throws -> Unpickled.Node {
    if let found = find(key) { return found }
    throw DecodingError.keyNotFound(
      key, .init(codingPath: codingPath, debugDescription: "no value for the key '\(key.stringValue)'"))
  }

  func contains(_ key: Key) -> Bool {
    let before = cursor
    defer { cursor = before }
    return find(key) != nil
  }

  func decodeNil(forKey key: Key) throws -> Bool {
    let before = cursor
    guard try require(key).isNone else {
      cursor = before
      return false
    }
    return true
  }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try require(key).decode(type, userInfo: userInfo, codingPath: codingPath + [key])
  }

  // The protocol has implementations of its own for these two, which throw.
  func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try wide(type, key) }
  func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try wide(type, key) }

  private func wide<Value: FixedWidthInteger>(_ type: Value.Type, _ key: Key) throws -> Value {
    try PickleSingleDecoding(node: require(key), userInfo: userInfo, codingPath: codingPath + [key]).integer(type)
  }

  private func decoder(_ node: Unpickled.Node, _ key: any CodingKey) -> PickleValueDecoder {
    PickleValueDecoder(node: node, userInfo: userInfo, codingPath: codingPath + [key])
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<NestedKey> { try decoder(require(key), key).container(keyedBy: type) }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try decoder(require(key), key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder {
    let key = PickleKey("super")
    guard let found = find(key) else {
      throw DecodingError.keyNotFound(
        key, .init(codingPath: codingPath, debugDescription: "no value for the superclass"))
    }
    return decoder(found, key)
  }

  func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(require(key), key) }
}

private struct PickleUnkeyedDecoding: UnkeyedDecodingContainer {
  let node: Unpickled.Node
  let userInfo: [CodingUserInfoKey: any Sendable]
  let codingPath: [any CodingKey]
  /// Bytes serve as a list of numbers, for types that read one themselves.
  private let octets: [UInt8]?
  private(set) var currentIndex = 0

  init(node: Unpickled.Node, userInfo: [CodingUserInfoKey: any Sendable], codingPath: [any CodingKey]) {
    self.node = node
    self.userInfo = userInfo
    self.codingPath = codingPath
    octets = node.isSequence ? nil : node.bytes
  }

  var count: Int? { octets?.count ?? node.count }
  var isAtEnd: Bool { currentIndex >= (octets?.count ?? node.count) }

  private func require(_ type: Any.Type) throws -> Unpickled.Node {
    guard !isAtEnd, octets == nil else {
      throw DecodingError.valueNotFound(
        type, .init(codingPath: codingPath + [PickleKey(currentIndex)], debugDescription: "no more elements"))
    }
    return node.element(currentIndex)
  }

  mutating func decodeNil() throws -> Bool {
    if octets != nil { return false }
    guard try require(Never?.self).isNone else { return false }
    currentIndex += 1
    return true
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    if let octets, !isAtEnd {
      let value = try PickleDecoder().decode(type, from: [0x80, 0x02, 0x4b, octets[currentIndex], 0x2e])
      currentIndex += 1
      return value
    }
    let value = try require(type).decode(
      type, userInfo: userInfo, codingPath: codingPath + [PickleKey(currentIndex)])
    currentIndex += 1
    return value
  }

  // As in keyed containers.
  mutating func decode(_ type: Int128.Type) throws -> Int128 { try wide(type) }
  mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try wide(type) }

  private mutating func wide<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
    let path = codingPath + [PickleKey(currentIndex)]
    let value = try PickleSingleDecoding(node: require(type), userInfo: userInfo, codingPath: path).integer(type)
    currentIndex += 1
    return value
  }

  private mutating func next() throws -> PickleValueDecoder {
    let node = try require([PickledValue].self)
    defer { currentIndex += 1 }
    return PickleValueDecoder(node: node, userInfo: userInfo, codingPath: codingPath + [PickleKey(currentIndex)])
  }

  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) throws -> KeyedDecodingContainer<NestedKey> { try next().container(keyedBy: type) }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }

  mutating func superDecoder() throws -> any Decoder { try next() }
}

private struct PickleSingleDecoding: SingleValueDecodingContainer {
  let node: Unpickled.Node
  let userInfo: [CodingUserInfoKey: any Sendable]
  let codingPath: [any CodingKey]

  func decodeNil() -> Bool { node.isNone }

  func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
    if let value = node.integer(as: type) { return value }
    guard node.kind == .integer || node.kind == .bigInteger else { throw node.mismatch(type, codingPath) }
    throw DecodingError.dataCorrupted(
      .init(codingPath: codingPath, debugDescription: "\(node.value) does not fit in \(type)"))
  }

  func decode(_ type: Bool.Type) throws -> Bool {
    guard let value = node.boolean else { throw node.mismatch(type, codingPath) }
    return value
  }

  func decode(_ type: String.Type) throws -> String {
    guard let value = node.text else { throw node.mismatch(type, codingPath) }
    return value
  }

  func decode(_ type: Double.Type) throws -> Double {
    if let value = node.double ?? node.integer.map(Double.init) { return value }
    throw node.mismatch(type, codingPath)
  }

  func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
  func decode(_ type: Int.Type) throws -> Int { try integer(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
  func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
  func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try node.decode(type, userInfo: userInfo, codingPath: codingPath)
  }
}
