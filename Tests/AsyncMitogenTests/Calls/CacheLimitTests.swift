import Synchronization
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

  private func call(_ number: Int) throws -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    writer.none()
    try writer.string(CallRequest.closureModule)
    try writer.string("class \(number)")
    try writer.string(String(number, radix: 16))
    writer.mark()
    writer.tuple()
    writer.emptyDictionary()
    writer.tuple()
    writer.end()
    return writer.bytes
  }

  private func found(_ calls: ClosureCalls, _ number: Int) -> Int? {
    (try? calls.find(call(number))?.invocation as? Numbered)?.number
  }

  @Test func `closures that were called are remembered up to a limit`() throws {
    let calls = ClosureCalls()
    for number in 0..<ClosureCalls.limit { try calls.remember(call(number), Numbered(number: number)) }
    #expect(calls.count == ClosureCalls.limit)
    for number in 0..<500 { try calls.remember(call(ClosureCalls.limit + number), Numbered(number: -1)) }
    #expect(calls.count == ClosureCalls.limit)
    for number in [0, 1, 17, ClosureCalls.limit - 1] { #expect(found(calls, number) == number) }
    #expect(found(calls, ClosureCalls.limit) == nil)
    // What is no call of ours is neither found nor remembered.
    calls.remember([0x80, 0x02, 0x2e], Numbered(number: 1))
    #expect(calls.find([0x80, 0x02, 0x2e]) == nil)
  }

  @Test func `the arguments of a remembered closure begin behind its name`() throws {
    let calls = ClosureCalls()
    let payload = try call(3)
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

  @Test func `kinds of contexts are remembered up to a limit, the newest ones`() {
    var kinds = ContextKinds(limit: 100)
    let limit: UInt32 = 100
    for number in 0..<5 * limit {
      kinds.set(ContextID(rawValue: number), number.isMultiple(of: 2))
      #expect(kinds.count <= 200)
    }
    #expect(kinds[0] == nil && kinds[ContextID(rawValue: limit)] == nil)
    for number in 4 * limit..<5 * limit {
      #expect(kinds[ContextID(rawValue: number)] == number.isMultiple(of: 2))
    }
    // One that is known already may change.
    kinds.set(ContextID(rawValue: 5 * limit - 1), true)
    #expect(kinds[ContextID(rawValue: 5 * limit - 1)] == true)
  }

  @Test func `kinds of contexts that have ended take no room`() {
    var kinds = ContextKinds(limit: 100)
    kinds.set(1, true)
    for number in 2..<1_000 as Range<UInt32> {
      kinds.set(ContextID(rawValue: number), true)
      kinds.remove(ContextID(rawValue: number))
    }
    #expect(kinds.count == 1 && kinds[1] == true)
    // One that comes back is known anew.
    kinds.remove(1)
    kinds.set(1, false)
    #expect(kinds.count == 1 && kinds[1] == false)
  }

  @Test func `the kind of a context is known until it ends`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let below = try await router.local(via: child)
      for context in [child, below] {
        let isOurs = await withCheckedContinuation { answer in
          router.understands(context.id) { answer.resume(returning: $0) }
        }
        #expect(isOurs && router.kinds.withLock { $0[context.id] } == true)
      }
      // With what is above it goes what is below.
      try await child.shutdown()
      #expect(router.kinds.withLock { $0.count } == 0)
    }
  }
}
