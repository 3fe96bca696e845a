import Synchronization
import Testing

@testable import AsyncMitogen

private final class Count: Sendable {
  let value = Atomic(0)
}

/// What decides on pushed files, without files.
@Suite(.timeLimit(.minutes(1)))
struct PushPartsTests {
  private func digest(_ number: UInt8) -> Blob { Blob([number]) }

  @Test func `each content counts once, and what is full stays as it is`() {
    var index = PushIndex<Int>(limits: PushLimits(bytes: 10, files: 3))
    var results = [index.add("/a", digest(1), size: 6, 1), index.add("/a", digest(2), size: 1, 2)]
    #expect(results == [.added, .known])
    results = [index.add("/b", digest(2), size: 5, 2), index.add("/b", digest(2), size: 4, 2)]
    #expect(results == [.full, .added])
    results = [index.add("/c", digest(1), size: 6, 1), index.add("/d", digest(1), size: 6, 1)]
    #expect(results == [.added, .full])
    #expect(index.bytes == 10 && index.count == 3 && index.digest(of: "/c") == digest(1))
    let links = [index.link("/a", digest(1)), index.link("/e", digest(1)), index.link("/e", digest(9))]
    #expect(links == [true, false, false])
    #expect(!index.hasRoom(for: 0) && index.content(digest(2)) == 2)
  }

  @Test func `over a link goes no content twice, and no path`() {
    var links = PushLinks()
    func deliver(_ path: String, _ number: UInt8, to hop: ContextID, isTarget: Bool = false) -> PushLinks.Delivery {
      links.deliver(path, digest(number), to: hop, isTarget: isTarget)
    }
    let first = [deliver("/a", 1, to: 1), deliver("/a", 1, to: 1), deliver("/a", 1, to: 1, isTarget: true)]
    #expect(first == [.content, .forward, .nothing])
    let second = [deliver("/b", 1, to: 1), deliver("/b", 1, to: 2), deliver("/c", 2, to: 1, isTarget: true)]
    #expect(second == [.link, .content, .content])
    links.fail("/b", digest(1), to: 2)
    #expect(deliver("/b", 1, to: 2) == .content)
    links.keep { $0 == 1 }
    #expect(links.count == 1)
    #expect(deliver("/b", 1, to: 2) == .content)
  }

  @Test func `the content that has been silent longest makes room`() throws {
    var assemblies = PushAssemblies()
    func key(_ number: Int) -> PushAssemblies.Key { .init(source: 1, digest: Blob([UInt8(number)])) }
    func begin(_ number: Int, size: Int = 1, limit: Int) throws -> Bool {
      guard assemblies.makeRoom(for: key(number), { $0 + size <= limit }) else { return false }
      assemblies.put(try PushAssembly(size: size, inMemoryUpTo: .max), key(number))
      return true
    }
    for number in 0..<64 { #expect(try begin(number, limit: 1_000)) }
    // One that goes on is not the oldest any more.
    if let assembly = assemblies.take(key(0)) { assemblies.put(assembly, key(0)) }
    #expect(try begin(64, limit: 1_000))
    #expect(assemblies.count == 64)
    let taken = (assemblies.take(key(0)) != nil, assemblies.take(key(1)) != nil)
    #expect(taken == (true, false))
    // What would never fit costs nobody else's.
    #expect(try !begin(65, size: 2_000, limit: 1_000))
    #expect(assemblies.count == 63)
    #expect(try begin(65, size: 1_000, limit: 1_000))
    #expect(assemblies.count == 1)
  }

  @Test func `content in memory and content on the disk are the same`() throws {
    let content = Sandbox.content(100_000)
    for limit in [0, 99_999, 100_000] {
      var assembly = try PushAssembly(size: content.count, inMemoryUpTo: limit)
      for start in stride(from: 0, to: content.count, by: 3_000) {
        #expect(!assembly.isComplete)
        try assembly.append(Array(content[start..<min(start + 3_000, content.count)]))
      }
      #expect(assembly.isComplete)
      #expect(throws: FileServiceError.self) { try assembly.append([1]) }
      if case .disk = assembly.content { #expect(limit < content.count) } else { #expect(limit >= content.count) }
      #expect(try assembly.content.read(at: 0, count: .max >> 1) == content)
      #expect(try assembly.content.read(at: 99_990, count: 20) == Array(content[99_990...]))
      #expect(try assembly.content.read(at: 100_000, count: 20) == [])
      var digest = Blake3()
      digest.update(content)
      #expect(assembly.currentDigest == Blob(digest.finish()))
    }
  }

  @Test func `one at a time, in order, and who is cancelled is out`() async throws {
    let turnstile = Turnstile()
    let inside = Count()
    try await turnstile.enter()
    let cancelled = Task { try await turnstile.enter() }
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<100 {
        group.addTask {
          try await turnstile.enter()
          #expect(inside.value.add(1, ordering: .relaxed).newValue == 1)
          await Task.yield()
          inside.value.subtract(1, ordering: .relaxed)
          turnstile.leave()
        }
      }
      turnstile.leave()
      try await group.waitForAll()
    }
    try await turnstile.enter()
    turnstile.leave()
  }

  @Test func `an answer that comes before, after, twice or never`() async throws {
    let before = KindAnswer()
    before.give(true)
    before.give(false)
    #expect(try await before.get())
    let after = KindAnswer()
    async let answer = after.get()
    await Task.yield()
    after.give(false)
    #expect(try await !answer)
    let never = KindAnswer()
    let waits = Task { try await never.get() }
    waits.cancel()
    await #expect(throws: CancellationError.self) { try await waits.value }
    never.give(true)
  }
}
