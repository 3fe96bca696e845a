import AsyncMitogen
import Testing

/// A type whose functions use what it holds.
enum Hundred {
  static let value = 100
  static func add(_ left: Int, _ right: Int) -> Int { value + left + right }
}

/// A value with a function of its own.
struct Adder: Sendable {
  var value: Int
  @concurrent func sum(_ other: Int) async throws -> Int { value + other }
}

/// What goes to functions and comes back.
@Suite(.timeLimit(.minutes(1)))
struct CallValueTests {
  @Test func `a type's function is called, a value's is refused`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call(1, 2) { Hundred.add($0, $1) } == 103)
      let error = await #expect(throws: UnsupportedFunctionError.self) {
        try await child.call(1, function: Adder(value: 2).sum)
      }
      #expect(error?.description.contains("captures") == true)
    }
  }

  @Test func `a result that cannot be read is an error here`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let error = await #expect(throws: (any Error).self) { try await child.call { Even(number: 3) } }
      #expect(!(error is CallError))
      #expect(try await child.call { Even(number: 4) }.number == 4)
    }
  }

  @Test func `a context that comes back has its name, and can be called`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let back = try await child.call(child) { $0 }
      #expect(back.id == child.id && back.name == child.name)
      #expect(try await back.call { 1 } == 1)
    }
  }

  @Test func `a sender comes back as what it was, and what it sent comes beside the result`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let numbers = Receiver<Int>(router: router)
      let back = try await child.call(numbers.sender) { sender in
        for number in 0..<5 { try await sender.send(number) }
        sender.close()
        return sender
      }
      #expect(back.context == router.myself && back == numbers.sender)
      var seen: [Int] = []
      for try await number in numbers { seen.append(number) }
      #expect(seen == [0, 1, 2, 3, 4])
    }
  }
}
