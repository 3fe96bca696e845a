import AsyncMitogen

// What tests pass between contexts: neither private nor local, so that another process finds it.

struct Point: Codable, Sendable, Equatable {
  var x: Int
  var y: Int
}

struct DiskFull: Error, Codable, Equatable {
  var device: String
}

struct Opaque: Error {}

/// A function known by name.
struct Add: RemoteFunction {
  var left: Int
  var right: Int
  func callAsFunction() -> Int { left + right }
}

enum Nested {
  struct Shout: RemoteFunction {
    var text: String
    func callAsFunction() async throws -> String { text.uppercased() }
  }
}

struct Fail: RemoteFunction {
  func callAsFunction() throws -> Int { throw DiskFull(device: "sda") }
}

/// A value that only some bytes are.
struct Even: Codable, Sendable {
  var number: Int

  init(number: Int) { self.number = number }

  init(from decoder: any Decoder) throws {
    number = try decoder.singleValueContainer().decode(Int.self)
    guard number % 2 == 0 else { throw Opaque() }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }
}
