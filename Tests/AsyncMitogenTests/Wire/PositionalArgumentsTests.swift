import Testing

@testable import AsyncMitogen

struct PositionalBindingTests {
  @Test func `arguments fill parameters from the left, whatever is named: all of up to four parameters`() {
    for count in 0...4 {
      for named in 0..<(1 << count) {
        for given in 0...5 {
          var binding = PositionalBinding(given: given)
          let filled = (0..<count).map { binding.position(of: "p\($0)", isNamed: named & 1 << $0 != 0) }
          #expect(filled == (0..<count).map { $0 < given ? $0 : nil })
          let doubled = (0..<count).first { $0 < given && named & 1 << $0 != 0 }
          let tooMany = "takes \(count) positional argument\(count == 1 ? "" : "s") but \(given) "
          switch (doubled, given > count) {
          case (let doubled?, _):
            #expect(binding.mistake(isComplete: true) == "got multiple values for argument 'p\(doubled)'")
            #expect(binding.mistake(isComplete: false) == binding.mistake(isComplete: true))
          case (nil, true):
            #expect(binding.mistake(isComplete: true) == tooMany + (given == 1 ? "was given" : "were given"))
            // Of a type that was not read to its end it is not known how many it takes.
            #expect(binding.mistake(isComplete: false) == nil)
          case (nil, false): #expect(binding.mistake(isComplete: true) == nil)
          }
        }
      }
    }
  }

  @Test func `a parameter that is asked for again is the same`() {
    var binding = PositionalBinding(given: 2)
    let asked = ["a", "a", "b", "a", "c", "b", "c"].map { binding.position(of: $0, isNamed: false) }
    #expect(asked == [0, 0, 1, 0, nil, 1, nil])
    #expect(binding.mistake(isComplete: true) == nil)
  }

  @Test func `the first conflict is the one that is told`() {
    var binding = PositionalBinding(given: 3)
    for name in ["a", "b", "c", "b"] { _ = binding.position(of: name, isNamed: name != "a") }
    #expect(binding.mistake(isComplete: true) == "got multiple values for argument 'b'")
  }
}

// What arguments are decoded as.

private struct Plain: Codable, Equatable {
  var path: String
  var depth: Int?
  let fixed = 7
  var point: Point?
  var rest: [Int]

  private enum CodingKeys: String, CodingKey { case path, depth, point, rest }
}

private struct Reordered: Codable, Equatable {
  var first: Int
  var second: Int
  enum CodingKeys: String, CodingKey {
    case second = "2nd"
    case first = "1st"
  }
}

/// Asks for its keys in an order of its own, for some of them twice, in two containers.
private struct Written: Decodable, Equatable {
  var name: String
  var size: Int
  var unit: String

  enum CodingKeys: String, CodingKey { case unit, size, name }
  enum Others: String, CodingKey { case size, unit }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    guard container.contains(.size), container.contains(.size) else { throw Opaque() }
    size = try (try? container.decode(Int.self, forKey: .size)) ?? container.decode([Int].self, forKey: .size).count
    let others = try decoder.container(keyedBy: Others.self)
    unit = try others.decodeNil(forKey: .unit) ? "none" : others.decode(String.self, forKey: .unit)
    _ = try? others.decode(String.self, forKey: .size)
  }
}

/// Never looks at the value that it takes.
private struct Probe: Decodable {
  var isThere: Bool
  init(from decoder: any Decoder) throws {
    isThere = try decoder.container(keyedBy: PickleKey.self).contains(PickleKey("x"))
  }
}

private enum Choice: Codable, Equatable {
  case one(Int)
  case two
}

private struct Many: Codable, Equatable {
  var a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r: Int
}

struct PositionalArgumentsTests {
  private func decode<Value: Decodable>(
    _ type: Value.Type = Value.self, _ positional: [PickledValue], _ named: PickledValue = [:]
  ) throws -> Value {
    let values = try Unpickled(try PickleEncoder().encode(PickledValue.tuple(positional))).root
    let keywords = try Unpickled(try PickleEncoder().encode(named)).root
    let arguments = PositionalArguments(values)
    let result = Result { try keywords.decode(type, userInfo: [:], positional: arguments) }
    try arguments?.check(function: "f", isComplete: (try? result.get()) != nil)
    return try result.get()
  }

  private func mistake<Value: Decodable>(
    _ type: Value.Type, _ positional: [PickledValue], _ named: PickledValue = [:]
  ) -> String {
    do { return "no mistake: \(try decode(type, positional, named))" } catch { return String(describing: error) }
  }

  @Test func `properties are filled in the order of their declaration, and by name`() throws {
    let all = try decode(Plain.self, ["/", 2, ["x": 1, "y": 2], [3, 4]])
    #expect(all == Plain(path: "/", depth: 2, point: Point(x: 1, y: 2), rest: [3, 4]))
    for given in 0...4 {
      let values: [PickledValue] = ["/", 2, ["x": 1, "y": 2], [3, 4]]
      let names: [PickledValue] = ["path", "depth", "point", "rest"]
      let named = PickledValue.dictionary((given..<4).reversed().map { .init(names[$0], values[$0]) })
      #expect(try decode(Plain.self, Array(values.prefix(given)), named) == all)
    }
  }

  @Test func `what may be missing, may: None and absent alike`() throws {
    let sparse = Plain(path: "/", depth: nil, point: nil, rest: [])
    #expect(try decode(Plain.self, ["/", .none, .none, []]) == sparse)
    #expect(try decode(Plain.self, ["/"], ["rest": []]) == sparse)
    #expect(try decode(Plain.self, ["/", .none], ["rest": [], "unknown": 1]) == sparse)
  }

  @Test func `keys of a type's own give the order`() throws {
    #expect(try decode(Reordered.self, [1, 2]) == Reordered(first: 2, second: 1))
    #expect(try decode(Reordered.self, [1], ["1st": 2]) == Reordered(first: 2, second: 1))
  }

  @Test func `what is read by hand gets them in the order in which it asks`() throws {
    let named = try decode(Written.self, [], ["name": "n", "size": [5, 5, 5], "unit": "mm"])
    #expect(try decode(Written.self, ["n", 3, "mm"]) == named)
    #expect(try decode(Written.self, ["n", 3, nil]).unit == "none")
    #expect(try decode(Probe.self, [1]).isThere && !decode(Probe.self, []).isThere)
  }

  @Test func `more than sixteen keywords beside`() throws {
    let names = "abcdefghijklmnopqr".map(String.init)
    let entries = names.enumerated().map { PickledValue.Entry(.string($1), .integer($0)) }
    for given in 0...18 {
      let many = try decode(
        Many.self, (0..<given).map { .integer($0) }, .dictionary(Array(entries[given...].reversed())))
      #expect(many.a == 0 && many.h == 7 && many.r == 17)
    }
    #expect(mistake(Many.self, [0], .dictionary(entries)) == "f got multiple values for argument 'a'")
  }

  @Test func `two values for one property are a mistake, also if the type would not notice`() {
    let twice = "f got multiple values for argument "
    #expect(mistake(Plain.self, ["/"], ["path": "/", "rest": []]) == twice + "'path'")
    #expect(mistake(Plain.self, ["/", 1, .none], ["depth": 1]) == twice + "'depth'")
    #expect(mistake(Plain.self, ["/", 1, .none, "no list"], ["point": .none]) == twice + "'point'")
    #expect(mistake(Written.self, ["n", 3], ["size": 3]) == twice + "'size'")
    #expect(mistake(Probe.self, [1], ["x": 1]) == twice + "'x'")
    #expect(mistake([String: Int].self, [1], ["x": 1]) == twice + "'x'")
  }

  @Test func `too many are a mistake`() {
    #expect(mistake(Plain.self, ["/", 1, .none, [], 1]) == "f takes 4 positional arguments but 5 were given")
    #expect(mistake(Probe.self, [1, 2, 3]) == "f takes 1 positional argument but 3 were given")
    #expect(mistake(Empty.self, [1]) == "f takes 0 positional arguments but 1 was given")
    #expect(mistake([String: Int].self, [1, 2]) == "f takes 0 positional arguments but 2 were given")
  }

  @Test func `what is missing or of another type has its name`() {
    #expect(mistake(Plain.self, ["/", 1]).contains("'rest'"))
    #expect(mistake(Plain.self, []) == mistake(Plain.self, [], [:]))
    #expect(mistake(Plain.self, [1, 2, .none, []]).contains("path"))
    #expect(mistake(Plain.self, ["/", "x", .none, []]).contains("depth"))
    #expect(mistake(Plain.self, ["/", 1, ["x": 1, "y": "z"], []]).contains("y"))
    // A mistake of the type's own comes before one that cannot be known.
    #expect(mistake(Plain.self, [1, 2, 3, 4, 5, 6]).contains("path"))
  }

  @Test func `what is nested has names only`() throws {
    #expect(mistake(Plain.self, ["/", 1, [1, 2], []]).contains("point"))
    #expect(try decode(Choice.self, [], ["two": [:]]) == .two)
    // The case of an enumeration is a name.
    #expect(throws: DecodingError.self) { try decode(Choice.self, [1]) }
    #expect(mistake(Choice.self, [1], ["one": ["_0": 1]]) == "f got multiple values for argument 'one'")
  }

  @Test func `what has no elements to give is nothing`() throws {
    for values in [PickledValue.tuple([]), [], .none, ["a": 1], 5, "text"] {
      #expect(PositionalArguments(try Unpickled(try PickleEncoder().encode(values)).root) == nil)
    }
  }
}
