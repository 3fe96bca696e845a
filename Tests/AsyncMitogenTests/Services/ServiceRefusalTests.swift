import Testing

@testable import AsyncMitogen

/// Why requests are refused, in Mitogen's words where it has any.
@Suite(.timeLimit(.minutes(1)))
struct ServiceRefusalTests {
  /// What a child says to arguments that are not what its method wants.
  private func refusal(_ arguments: PickledValue, of method: String = "take") async throws -> String? {
    try await withRouter { router in
      let child = try await router.local()
      do {
        return try await child.callService(Curious.name, method, arguments)
      } catch let error as CallError {
        #expect(error.thrown(as: ServiceError.self)?.description == error.message)
        #expect(error.context == child.id)
        return error.message
      }
    }
  }

  @Test func `arguments that are missing`() async throws {
    #expect(try await refusal([:]) == "Required argument 'text' missing.")
    #expect(try await refusal(["text": "a"]) == "Required argument 'number' missing.")
    #expect(try await refusal(["text": "a", "number": 1]) == "a 1")
    #expect(try await refusal(["text": "a", "number": 1, "place": [:]]) == "Required argument 'place.x' missing.")
    // Further ones do no harm.
    #expect(try await refusal(["text": "a", "number": 1, "more": [1, 2]]) == "a 1")
  }

  @Test func `arguments that are wrong`() async throws {
    #expect(
      try await refusal(["text": 1, "number": 1]) == "Argument 'text' type incorrect, got 'int', expected 'String'")
    #expect(
      try await refusal(["text": "a", "number": "b"]) == "Argument 'number' type incorrect, got 'str', expected 'Int'")
    #expect(
      try await refusal(["text": "a", "number": nil]) == "Argument 'number' type incorrect, got 'None', expected 'Int'")
    #expect(
      try await refusal(["text": "a", "number": 1, "place": ["x": true]])
        == "Argument 'place.x' type incorrect, got 'bool', expected 'UInt8'")
    #expect(
      try await refusal(["text": "a", "number": 1, "place": ["x": 300]])
        == "Argument 'place.x' type incorrect, got 'int': 300 does not fit in UInt8")
    // What a type of the program's own says, and one of the library's.
    #expect(
      try await refusal(["text": "a", "number": 1, "even": 3])
        == "Argument 'even' type incorrect, got 'int': Opaque()")
    #expect(
      try await refusal(["text": "a", "number": 1, "context": 3])
        == "Argument 'context' type incorrect, got 'int': expected a Context, found 3")
  }

  @Test func `arguments that are wrong as a whole`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) { try await child.call(Picky.take, .init()) }
      #expect(error?.message == "The arguments are no 'Nothing': Opaque()")
    }
  }

  @Test func `a method that is not there`() async throws {
    #expect(try await refusal([:], of: "open\n'\u{7}") == #"No such method: 'open\n\'\x07'"#)
  }

  @Test func `a service that is not there`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      for name in ["", "nothing", "AsyncMitogenTests.Nothing", "AsyncMitogenTests.Point", "a.b.c.d.e.f.g.h", "1.2"] {
        let error = await #expect(throws: CallError.self) { try await child.callService(name, "x") }
        #expect(error?.message == "this program has no service named '\(name)'")
      }
      // One that has another name is not known by that of its type.
      let error = await #expect(throws: CallError.self) {
        try await child.callService("AsyncMitogenTests.Renamed", "x")
      }
      #expect(error?.message == "this program has no service named 'AsyncMitogenTests.Renamed'")
    }
  }

  @Test func `messages that are no requests`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let names = ServiceBytes.text("AsyncMitogenTests.Tally") + ServiceBytes.text("total")
      let malformed: [(String, [UInt8])] = [
        ("nothing", []), ("garbage", [1, 2, 3]), ("a number", [0x80, 2, 0x4b, 1, 0x2e]),
        ("two of three", [0x80, 2] + names + [0x86, 0x2e]),
        ("arguments that are a list", [0x80, 2] + names + [0x5d, 0x87, 0x2e]),
        ("names that are numbers", [0x80, 2, 0x4b, 1, 0x4b, 2, 0x7d, 0x87, 0x2e]),
        ("no end", [0x80, 2, 0x28] + names),
        ("a text longer than the rest", [0x80, 2, 0x58, 0xff, 0xff, 0xff, 0x7f, 0x61]),
        ("names behind much else", [0x80, 2] + [UInt8](repeating: 0x4e, count: 70_000) + names + [0x7d, 0x87, 0x2e]),
      ]
      for (what, payload) in malformed {
        let error = await #expect(throws: CallError.self, "\(what)") {
          try await router.call(payload, in: child, handle: .callService, timeout: nil, as: Int.self)
        }
        #expect(error?.message == "Invalid message format.", "\(what)")
      }
      let receiver = Receiver<Message>(router: router)
      let handle = try #require(receiver.handle)
      try child.send([0x80, 2] + names + [0x7d, 0x87, 0x2e], encoding: .binary, to: .callService, replyTo: handle)
      let answer = try await receiver.get(timeout: .seconds(20))
      let error = #expect(throws: CallError.self) { try CallReply.check(answer, router: router) }
      #expect(error?.message == "Invalid message format.")
    }
  }

  @Test func `requests as Python writes them`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      func call(_ payload: [UInt8]) async throws -> Int {
        try await router.call(payload, in: child, handle: .callService, timeout: nil, as: Int.self)
      }
      // As Python 3 does: each object is put into the memo, keywords are Mitogen's own class.
      let memo: [UInt8] =
        [0x80, 2] + ServiceBytes.text("AsyncMitogenTests.Tally") + [0x71, 0] + ServiceBytes.text("add") + [0x71, 1]
        + Array("cmitogen.core\nKwargs\n".utf8) + [0x71, 2, 0x7d, 0x71, 3] + ServiceBytes.text("amount") + [0x71, 4]
        + [0x4b, 5, 0x73, 0x85, 0x71, 5, 0x52, 0x71, 6, 0x87, 0x71, 7, 0x2e]
      #expect(try await call(memo) == 5)
      // As Python 2 does: names are bytes.
      let bytes: [UInt8] =
        [0x80, 2] + ServiceBytes.bytes("AsyncMitogenTests.Tally") + ServiceBytes.bytes("add") + [0x7d]
        + ServiceBytes.bytes("amount") + [0x4b, 6, 0x73, 0x87, 0x2e]
      #expect(try await call(bytes) == 11)
      // What is behind the names is none of the policies' business, and cannot change what is called.
      let other: [UInt8] =
        [0x80, 2] + ServiceBytes.text("AsyncMitogenTests.Tally") + ServiceBytes.text("total") + [0x30, 0x30]
        + ServiceBytes.text("AsyncMitogenTests.Tally") + ServiceBytes.text("add") + [0x7d]
        + ServiceBytes.text("amount") + [0x4b, 7, 0x73, 0x87, 0x2e]
      #expect(try await call(other) == 11)
    }
  }

  @Test func `any bytes are refused, or have names and arguments`() throws {
    var random = RandomSource(1)
    let request = try ServiceRequest.encode(
      service: "m.S", method: "add", ["amount": [1, 2, 3], "text": [4, 5], "long": Array(0..<40)])
    var readable = 0
    for _ in 0..<30_000 {
      var payload = request
      for _ in 0...random.below(3) {
        switch random.below(3) {
        case 0: payload[random.below(payload.count)] = UInt8(random.below(256))
        case 1: payload.remove(at: random.below(payload.count))
        default: payload.insert(UInt8(random.below(256)), at: random.below(payload.count))
        }
      }
      let message = Message(handle: .callService, encoding: .pickle, payload: payload)
      do {
        let names = try ServiceRequest.names(message)
        #expect(names.service.utf8.count <= 1_024 && names.method.utf8.count <= 1_024)
        #expect(try ServiceRequest.keywords(message).isDictionary)
        readable += 1
      } catch {
        #expect(error as? ServiceError == ServiceRefusal.invalidFormat)
      }
    }
    #expect(readable > 1_000)
    let long = String(repeating: "x", count: 1_025)
    let message = Message(
      handle: .callService, encoding: .pickle,
      payload: try ServiceRequest.encode(service: long, method: "m", NoArguments()))
    #expect(throws: ServiceRefusal.invalidFormat) { try ServiceRequest.names(message) }
  }

  @Test func `our own requests are Mitogen's`() throws {
    let request = try ServiceRequest.encode(service: "m.S", method: "add", Tally.Add(amount: 5))
    let value = try Unpickled(request).root.value
    #expect(value == .tuple(["m.S", "add", .keywords([.init("amount", 5)])]))
    let empty = try ServiceRequest.encode(service: "m.S", method: "add", NoArguments())
    #expect(try Unpickled(empty).root.value == .tuple(["m.S", "add", .keywords([])]))
    #expect(throws: ServiceError.self) { try ServiceRequest.encode(service: "s", method: "m", [1, 2]) }
    #expect(throws: ServiceError.self) { try ServiceRequest.encode(service: "s", method: "m", "text") }
  }
}

/// Takes no arguments at all, not even none.
actor Picky: Service {
  struct Nothing: Codable, Sendable {
    init() {}
    init(from decoder: any Decoder) throws { throw Opaque() }
  }

  init(router: Router) {}
  static let take = ServiceMethod<Picky, Nothing, Int>("take", policy: .allowAny) { _, _ in 1 }
  static var methods: [AnyServiceMethod<Picky>] { take }
}

/// A service that is not called by the name of its type.
actor Renamed: Service {
  static var name: String { "renamed.service" }
  init(router: Router) {}
  static let x = ServiceMethod<Renamed, NoArguments, String>("x", policy: .allowAny) { _ in "renamed" }
  static var methods: [AnyServiceMethod<Renamed>] { x }
}

/// Pieces of pickles.
enum ServiceBytes {
  static func text(_ text: String) -> [UInt8] { [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8) }
  static func bytes(_ text: String) -> [UInt8] { [0x55, UInt8(text.utf8.count)] + Array(text.utf8) }
}
