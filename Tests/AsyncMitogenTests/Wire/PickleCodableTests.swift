import Testing

@testable import AsyncMitogen

/// Types whose coding is of every kind.
enum Shape: Codable, Equatable {
  case none
  case circle(radius: Double)
  case polygon([Point], closed: Bool)
}

class Animal: Codable {
  var legs: Int
  init(legs: Int) { self.legs = legs }
}

final class Dog: Animal {
  var name: String

  init(name: String) {
    self.name = name
    super.init(legs: 4)
  }

  private enum CodingKeys: String, CodingKey { case name }

  required init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    try super.init(from: container.superDecoder())
  }

  override func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try super.encode(to: container.superEncoder())
    try container.encode(name, forKey: .name)
  }
}

struct Wide: Codable, Equatable {
  var small: Int8 = .min
  var unsigned: UInt8 = .max
  var short: Int16 = .min
  var word: UInt32 = .max
  var long: Int64 = .min
  var unsignedLong: UInt64 = .max
  var huge: Int128 = .min
  var unsignedHuge: UInt128 = .max
  var ratio: Float = 1.5
  var real = Double.pi
  var text = "grüße\0👋"
  var bytes: [UInt8] = [0, 255]
  var present: Int? = 1
  var absent: Int?
  var nested: [[String: [Int?]]] = [["a": [1, nil]], [:]]
  var numbered: [Int: String] = [-1: "x", 7: "y"]
  var shapes: [Shape] = [.none, .circle(radius: 2), .polygon([Point(x: 1, y: 2)], closed: true)]
  var value: PickledValue = ["k": [1, "two"]]
  var blob = Blob([1, 2, 3])
  var secret: Secret = "hush"
}

struct Empty: Codable, Equatable {}

struct PickleCodableTests {
  private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
    try PickleDecoder().decode(Value.self, from: try PickleEncoder().encode(value))
  }

  @Test func `types of every kind come back as they went`() throws {
    #expect(try roundTrip(Wide()) == Wide())
    #expect(try roundTrip(Empty()) == Empty())
    #expect(try roundTrip([Empty(), Empty()]).count == 2)
    let dog = try roundTrip(Dog(name: "Rex"))
    #expect(dog.name == "Rex" && dog.legs == 4)
    #expect(try roundTrip(Int?.none) == nil)
    #expect(try roundTrip([Int?.none, 3]) == [nil, 3])
    #expect(try roundTrip((0..<5_000).map { $0 }) == (0..<5_000).map { $0 })
    #expect(try roundTrip(Dictionary(uniqueKeysWithValues: (0..<2_000).map { ("key \($0)", $0) })).count == 2_000)
  }

  @Test func `integers are written as Python writes them`() throws {
    func written(_ value: Int) throws -> [UInt8] { Array(try PickleEncoder().encode(value).dropFirst(2).dropLast()) }
    #expect(try written(0) == [0x4b, 0])
    #expect(try written(255) == [0x4b, 255])
    #expect(try written(256) == [0x4d, 0, 1])
    #expect(try written(65_535) == [0x4d, 255, 255])
    #expect(try written(65_536) == [0x4a, 0, 0, 1, 0])
    #expect(try written(-1) == [0x4a, 255, 255, 255, 255])
    #expect(try written(Int(Int32.min)) == [0x4a, 0, 0, 0, 0x80])
    #expect(try written(1 << 31) == [0x8a, 5, 0, 0, 0, 0x80, 0])
    #expect(try written(Int.min) == [0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x80])
    #expect(try written(1 << 39) == [0x8a, 6, 0, 0, 0, 0, 0x80, 0])
    #expect(
      try PickleEncoder().encode(UInt64.max) == [0x80, 2, 0x8a, 9] + [UInt8](repeating: 255, count: 8) + [0, 0x2e])
  }

  @Test func `bytes do not grow`() throws {
    for size in [0, 255, 256, 100_000] {
      let bytes = [UInt8](repeating: 0xff, count: size)
      #expect(try PickleEncoder().encode(bytes).count <= size + 8)
      #expect(try PickleEncoder().encode([bytes]).count <= size + 10)
    }
  }

  @Test func `what does not fit is an error that says so`() throws {
    func fails<Value: Decodable>(_ type: Value.Type, _ value: PickledValue) throws -> Bool {
      let bytes = try PickleEncoder().encode(value)
      do { _ = try PickleDecoder().decode(type, from: bytes) } catch is DecodingError { return true }
      return false
    }
    #expect(try fails(Int8.self, 128))
    #expect(try fails(UInt.self, -1))
    #expect(try fails(Int.self, .bigInteger([0, 0, 0, 0, 0, 0, 0, 0, 1])))
    #expect(try fails(Int.self, "1"))
    #expect(try fails(Int.self, true))
    #expect(try fails(Bool.self, 1))
    #expect(try fails(String.self, .bytes([0xff])))
    #expect(try fails([Int].self, ["a": 1]))
    #expect(try fails(Point.self, ["x": 1]))
    #expect(try fails(Point.self, [1, 2]))
    #expect(try PickleDecoder().decode(String.self, from: try PickleEncoder().encode([UInt8]("abc".utf8))) == "abc")
    #expect(try PickleDecoder().decode(Double.self, from: try PickleEncoder().encode(3)) == 3)
    #expect(
      try PickleDecoder().decode([Int].self, from: try PickleEncoder().encode(PickledValue.tuple([1, 2]))) == [1, 2])
  }

  @Test func `ten thousand random values`() throws {
    var generator = SplitMix64(state: 42)
    for _ in 0..<10_000 {
      let value = PickledValue.random(&generator, depth: 4)
      let bytes = try PickleEncoder().encode(value)
      #expect(try PickleDecoder().decode(PickledValue.self, from: bytes) == value)
    }
  }

  @Test func `bytes that were changed are read or refused, and nothing else happens`() throws {
    var generator = SplitMix64(state: 43)
    let seeds =
      try (0..<40).map { _ in try PickleEncoder().encode(PickledValue.random(&generator, depth: 3)) }
      + PickleVectorTests.vectors.map { PickleVectorTests.bytes($0.0) }
    var read = 0
    for _ in 0..<50_000 {
      var bytes = seeds.randomElement(using: &generator) ?? []
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...3, using: &generator) {
        case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: position)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: position)
        default: bytes.removeSubrange(position...)
        }
      }
      if let value = try? Unpickled(bytes).root.value {
        read += 1
        _ = value.description
        _ = try? PickleEncoder().encode(value)
      }
    }
    #expect(read > 1_000)
  }

  @Test func `depth is bounded in both directions`() throws {
    var value = PickledValue.none
    for _ in 0..<300 { value = [value] }
    #expect(throws: EncodingError.self) { try PickleEncoder().encode(value) }
    let deep = [0x80, 2] + [UInt8](repeating: 0x28, count: 100_000) + [0x4e]
    #expect(throws: StreamError.self) { try Unpickled(deep + [UInt8](repeating: 0x74, count: 100_000) + [0x2e]) }
    #expect(throws: StreamError.self) {
      try Unpickled([0x80, 2, 0x4e] + [UInt8](repeating: 0x85, count: 1_000) + [0x2e])
    }
  }

  @Test func `a length has to fit in four bytes`() throws {
    for length in [0, 1, Int(Int32.max), Int(UInt32.max)] { try PickleLimits.checkLength(length, .unsigned) }
    try PickleLimits.checkLength(Int(Int32.max), .signed)
    // Python reads those of integers, and of old strings, as numbers with a sign.
    #expect(PickleWriter.opcode(forBytes: Int(Int32.max)) == 0x54)
    #expect(PickleWriter.opcode(forBytes: Int(Int32.max) + 1) == 0x42)
    #expect(throws: EncodingError.self) { try PickleLimits.checkLength(Int(Int32.max) + 1, .signed) }
    #expect(throws: EncodingError.self) { try PickleLimits.checkLength(Int(UInt32.max) + 1, .unsigned) }
    let error = #expect(throws: EncodingError.self) { try PickleLimits.checkLength(.max, .unsigned) }
    #expect("\(error as Any)".contains("9223372036854775807 bytes in one value are more than 4294967295"))
  }

  @Test func `everything that has a length is checked`() throws {
    var encoder = PickleEncoder()
    encoder.lengthLimit = 10
    let (text, bytes) = (String(repeating: "x", count: 11), [UInt8](repeating: 7, count: 11))
    let long: [any Encodable] = [
      text, bytes, [text], [text: 1], ["k": text], Blob(bytes), Secret(text), Optional(text), ["k": [text]],
      PickledValue.string(text), PickledValue.bytes(bytes), PickledValue.bigInteger(bytes),
      PickledValue.list([.dictionary([.init(.string(text), .none)])]), LateKey(text: text),
    ]
    for value in long { #expect(throws: EncodingError.self, "\(value)") { _ = try encoder.encode(value) } }
    let (short, few) = (String(text.dropLast()), Array(bytes.dropLast()))
    let fitting: [any Encodable] = [
      short, few, [short: short], Blob(few), Secret(short), PickledValue.bigInteger(few), LateKey(text: short),
    ]
    for value in fitting { _ = try encoder.encode(value) }
  }

  @Test func `a call error fits what Mitogen takes`() throws {
    let long = String(repeating: "ü", count: 20_000)
    var writer = PickleWriter()
    writer.begin()
    writer.callError(long)
    writer.end()
    guard case .callError(let text) = try Unpickled(writer.bytes).root.value else {
      Issue.record("no call error")
      return
    }
    #expect(text.unicodeScalars.count == 9_999)
    #expect(text.hasSuffix("… (cut)"))
    let error = CallError(
      typeName: "M.E", message: "bad", context: 3, causes: [.init(typeName: "N.F", message: "worse", context: 4)])
    let reply = Message(handle: 1, encoding: .pickle, payload: CallReply.failure(error))
    let thrown = #expect(throws: CallError.self) { try CallReply.check(reply, router: nil) }
    #expect(thrown == error)
    // What Mitogen reads of it is the first stream alone.
    #expect(try Unpickled(reply.payload).root.value == .callError(error.description))
    let python = Message(
      source: 9, handle: 1, encoding: .pickle,
      payload: try PickleEncoder().encode(
        PickledValue.callError("builtins.OSError: [Errno 2] no\n  File \"x\", line 1")))
    let foreign = #expect(throws: CallError.self) { try CallReply.check(python, router: nil) }
    #expect(foreign?.typeName == "builtins.OSError")
    #expect(foreign?.context == 9)
  }

  @Test func `secrets and blobs do not show`() {
    #expect("\(Secret("pw"))" == "[secret]" && String(reflecting: Secret("pw")) == "[secret]")
    #expect(!String(describing: Mirror(reflecting: Secret("pw")).children.map(\.value)).contains("pw"))
    #expect("\(Blob([UInt8](repeating: 0, count: 128)))" == "[blob: 128 bytes]")
    #expect("\(PickledValue.secret("pw"))" == "[secret]")
  }
}

extension PickledValue {
  /// Any value, at most `depth` containers deep.
  static func random(_ generator: inout SplitMix64, depth: Int) -> PickledValue {
    func bytes() -> [UInt8] {
      (0..<Int.random(in: 0...20, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
    func text() -> String {
      String(
        (0..<Int.random(in: 0...12, using: &generator)).map { _ in "aä€😀 \n\0z".randomElement(using: &generator) ?? "a"
        })
    }
    func values() -> [PickledValue] {
      (0..<Int.random(in: 0...5, using: &generator)).map { _ in random(&generator, depth: depth - 1) }
    }
    switch Int.random(in: 0...(depth > 0 ? 15 : 11), using: &generator) {
    case 0: return .none
    case 1: return .bool(Bool.random(using: &generator))
    case 2: return .integer(Int.random(in: Int.min...Int.max, using: &generator))
    case 3: return .integer(Int.random(in: -300...70_000, using: &generator))
    case 4:
      return .bigInteger(bytes().prefix(0) + [UInt8](repeating: 1, count: Int.random(in: 9...300, using: &generator)))
    case 5: return .float(Double.random(in: -1e300...1e300, using: &generator))
    case 6: return .string(text())
    case 7: return .bytes(bytes())
    case 8: return .blob(bytes())
    case 9: return .secret(text())
    case 10:
      return .context(id: ContextID(rawValue: UInt32.random(in: 0...UInt32.max, using: &generator)), name: text())
    case 11: return .sender(context: 4, handle: Handle(rawValue: UInt32.random(in: 1...UInt32.max, using: &generator)))
    case 12: return .list(values())
    case 13: return .tuple(values())
    case 14: return .dictionary(values().map { Entry(.string(text()), $0) })
    default: return .keywords(values().map { Entry(.string(text()), $0) })
    }
  }
}

/// Has a key that is written where nothing can be thrown.
private struct LateKey: Encodable {
  struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
  var text: String

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    var nested = container.nestedUnkeyedContainer(forKey: Key(stringValue: text))
    try nested.encode(1)
  }
}
