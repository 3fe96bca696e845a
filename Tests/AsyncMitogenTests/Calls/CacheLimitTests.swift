import Testing

@testable import AsyncMitogen

/// What is remembered of calls is bounded: whatever comes beyond that is looked up each time, and still works.
@Suite(.timeLimit(.minutes(1)))
struct CacheLimitTests {
  /// An invocation that says nothing but its number.
  private struct Numbered: AnyInvocation {
    let number: Int
    static func make(code address: UInt) -> (any AnyInvocation)? { nil }
    func invoke(_ arguments: CallArguments) async throws -> [UInt8] { [] }
  }

  private func call(_ number: Int) -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    writer.none()
    writer.string(CallRequest.closureModule)
    writer.string("class \(number)")
    writer.string(String(number, radix: 16))
    writer.mark()
    writer.tuple()
    writer.emptyDictionary()
    writer.tuple()
    writer.end()
    return writer.bytes
  }

  private func found(_ calls: ClosureCalls, _ number: Int) -> Int? {
    (calls.find(call(number))?.invocation as? Numbered)?.number
  }

  @Test func `closures that were called are remembered up to a limit`() {
    let calls = ClosureCalls()
    for number in 0..<ClosureCalls.limit { calls.remember(call(number), Numbered(number: number)) }
    #expect(calls.count == ClosureCalls.limit)
    for number in 0..<500 { calls.remember(call(ClosureCalls.limit + number), Numbered(number: -1)) }
    #expect(calls.count == ClosureCalls.limit)
    for number in [0, 1, 17, ClosureCalls.limit - 1] { #expect(found(calls, number) == number) }
    #expect(found(calls, ClosureCalls.limit) == nil)
    // What is no call of ours is neither found nor remembered.
    calls.remember([0x80, 0x02, 0x2e], Numbered(number: 1))
    #expect(calls.find([0x80, 0x02, 0x2e]) == nil)
  }

  @Test func `the arguments of a remembered closure begin behind its name`() throws {
    let calls = ClosureCalls()
    let payload = call(3)
    #expect(calls.find(payload) == nil)
    calls.remember(payload, Numbered(number: 3))
    let position = try #require(calls.find(payload)?.arguments)
    #expect(payload[position - 1] == 0x28)
    #expect(payload[position...].elementsEqual([0x74, 0x7d, 0x74, 0x2e]))
  }

  @Test func `types of closures are remembered up to a limit, and found beyond it`() throws {
    let cache = InvocationCache(limit: 2)
    let types: [any AnyInvocation.Type] = [
      Invocation<Int>.self, Invocation<String, Int>.self, VoidInvocation<Int>.self, VoidInvocation<Bool>.self,
    ]
    for _ in 0..<2 {
      for type in types {
        let name = try cache.name(of: type)
        #expect(cache.type(named: name).map { ObjectIdentifier($0) == ObjectIdentifier(type) } == true)
      }
    }
    #expect(cache.count == 2)
    for number in 0..<100 { #expect(cache.type(named: "no such type \(number)") == nil) }
    #expect(cache.type(named: String(repeating: "x", count: 20_000)) == nil)
    #expect(cache.count == 2)
  }

  @Test func `remote functions are remembered up to a limit, and found beyond it`() throws {
    let cache = RemoteFunctionCache(limit: 2)
    let types: [any RemoteFunction.Type] = [Add.self, Fail.self, Nested.Shout.self]
    for _ in 0..<2 {
      for type in types {
        let name = try cache.name(of: type)
        let found = cache.find(module: name.module, function: name.function)
        #expect(found.map { ObjectIdentifier($0) == ObjectIdentifier(type) } == true)
      }
    }
    #expect(cache.count == 2)
    for number in 0..<100 { #expect(cache.find(module: "M", function: "f\(number)") == nil) }
    #expect(cache.count == 2)
  }

  @Test func `kinds of contexts are remembered up to a limit`() {
    var kinds = ContextKinds()
    let limit = UInt32(ContextKinds.limit)
    for number in 0..<limit + 1_000 { kinds.set(ContextID(rawValue: number), number.isMultiple(of: 2)) }
    #expect(kinds.count == ContextKinds.limit)
    #expect(kinds[0] == true && kinds[1] == false && kinds[ContextID(rawValue: limit - 1)] == false)
    #expect(kinds[ContextID(rawValue: limit)] == nil)
    // One that is known already may change.
    kinds.set(1, true)
    #expect(kinds[1] == true)
  }
}
