import Testing

@testable import AsyncMitogen

/// Closures cross as a place in the image: what names none must be refused, and nothing else may happen.
@Suite(.timeLimit(.minutes(1)))
struct ClosureTargetTests {
  @Test(arguments: [
    ("swift:0123456789abcdef", "of another build"),
    ("swift:", "of another build"),
  ])
  func `closures of another build are refused`(module: String, reason: String) async throws {
    try await withRouter { router in
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) {
        let request = try request(module: module, className: "12AsyncMitogen10InvocationVySiQPG", function: "1000")
        _ = try await router.call(request, in: child, timeout: .seconds(20), as: Int.self)
      }
      #expect(error?.message.contains(reason) == true)
      #expect(error?.context == child.id)
      #expect(try await child.call { 5 } == 5)
    }
  }

  @Test(arguments: [
    ("no such type", "1000"), ("12AsyncMitogen10InvocationVySiQPG", "zz"), ("12AsyncMitogen10InvocationVySiQPG", "0"),
    ("12AsyncMitogen10InvocationVySiQPG", "7fffffffffffffff"),
    ("12AsyncMitogen10InvocationVySiQPG", "ffffffffffffffff"),
    ("12AsyncMitogen10InvocationVySiQPG", "3"), ("Si", "1000"), ("", ""),
  ])
  func `places that hold no function are refused`(className: String, function: String) async throws {
    try await withRouter { router in
      let child = try await router.local()
      await #expect(throws: CallError.self) {
        let request = try request(module: CallRequest.closureModule, className: className, function: function)
        _ = try await router.call(request, in: child, timeout: .seconds(20), as: Int.self)
      }
      #expect(try await child.call { 6 } == 6)
    }
  }

  @Test func `a function that captures is refused before it is sent`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let captured = Int.random(in: 0..<10)
      let error = await #expect(throws: UnsupportedFunctionError.self) { try await child.call { captured } }
      #expect(error?.description.contains("captures") == true)
    }
  }

  private func request(module: String, className: String, function: String) throws -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    writer.none()
    try writer.string(module)
    try writer.string(className)
    try writer.string(function)
    writer.emptyTuple()
    writer.emptyDictionary()
    writer.tuple()
    writer.end()
    return writer.bytes
  }
}
