import Testing

@testable import AsyncMitogen

struct KnownTargetsTests {
  private func request(_ service: String, _ method: String, _ arguments: PickledValue = [:]) throws -> [UInt8] {
    try ServiceRequest.encode(service: service, method: method, arguments)
  }

  private func table(limit: Int = 8) -> KnownTargets<Int> {
    KnownTargets(beginning: ServiceRequest.beginning, limit: limit)
  }

  @Test func `what has been named is known whatever the arguments`() throws {
    var targets = table()
    #expect(try targets.find(request("a", "b")) == nil)
    try targets.remember(request("a", "b"), 1)
    try targets.remember(request("a", "c"), 2)
    #expect(try targets.find(request("a", "b", ["x": 1]))?.value == 1)
    #expect(try targets.find(request("a", "c", ["x": [1, 2]]))?.value == 2)
    for (service, method) in [("a", "d"), ("ab", ""), ("", "ab"), ("b", "a")] {
      #expect(try targets.find(request(service, method)) == nil)
    }
    targets.removeAll()
    #expect(try targets.find(request("a", "b")) == nil && targets.count == 0)
  }

  @Test func `as many as there is room for`() throws {
    var targets = table(limit: 3)
    for number in 0..<9 { try targets.remember(request("s", "\(number)"), number) }
    #expect(targets.count == 3)
    for number in 0..<9 { #expect(try targets.find(request("s", "\(number)"))?.value == (number < 3 ? number : nil)) }
  }

  @Test func `what is cut off or altered anywhere is not taken for another`() throws {
    var targets = table()
    let known = try request("service", "method", ["x": 1])
    targets.remember(known, 1)
    let end = try #require(targets.find(known)?.end)
    for length in 0..<known.count {
      let found = targets.find(Array(known[..<length]))
      #expect(found == nil || length > end)
    }
    for position in 0..<end {
      for bit in 0..<8 {
        var altered = known
        altered[position] ^= 1 << bit
        #expect(targets.find(altered) == nil, "byte \(position)")
        targets.remember(altered, 2)
        #expect(targets.find(known)?.value == 1)
      }
    }
  }
}
