import Glibc
import Testing

@testable import AsyncMitogen

/// The scope of a router.
@Suite(.timeLimit(.minutes(1)))
struct WithRouterTests {
  @Test func `a body gets a master's router, its result comes back, and no thread is left`() async throws {
    let (broker, result) = try await withRouter { router in
      #expect(router.contextID == .master && router.parentIDs.isEmpty)
      #expect(try await router.local().call { 6 * 7 } == 42)
      return (try #require(router.broker), "result")
    }
    #expect(result == "result" && broker.core.isStopping)
    #expect(throws: BrokerError.self) { try broker.defer {} }
  }
}

/// Mitogen flattens subclasses with `cast` before it sends them; here the form on the wire does not depend on the type.
struct CastTests {
  private struct Properties: Codable {
    var inner: [String: Int]
  }

  private func wire(_ value: some Encodable) throws -> PickledValue {
    try PickleDecoder().decode(PickledValue.self, from: PickleEncoder().encode(value))
  }

  @Test func `dictionaries of any type are written as dictionaries`() throws {
    #expect(try wire([String: Int]()) == [:])
    #expect(try wire(Properties(inner: ["a": 1])) == ["inner": ["a": 1]])
    #expect(try wire(["a": Properties(inner: [:])]) == ["a": ["inner": [:]]])
  }

  @Test func `sequences of any type are written as lists`() throws {
    #expect(try wire([Int]()) == [])
    #expect(try wire(Set([7])) == [7] && wire(ContiguousArray([[1], []])) == [[1], []])
  }

  @Test func `numbers, text and bytes stay what they are`() throws {
    #expect(try wire(0) == 0 && wire(true) == true && wire(false) == false && wire(Int?.none) == nil)
    #expect(try wire(0.5) == 0.5 && wire(Double.infinity) == .float(.infinity))
    #expect(try wire("text") == "text" && wire("text".dropFirst().description) == "ext")
    #expect(try wire([1, 2] as [UInt8]) == .bytes([1, 2]))
  }

  @Test func `what has no form on the wire is an error`() throws {
    struct Complex: Encodable {
      func encode(to encoder: any Encoder) throws {
        throw EncodingError.invalidValue(self, .init(codingPath: encoder.codingPath, debugDescription: "complex"))
      }
    }
    #expect(throws: EncodingError.self) { try PickleEncoder().encode(Complex()) }
  }
}
