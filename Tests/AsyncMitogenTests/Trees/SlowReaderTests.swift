import Glibc
import Testing

@testable import AsyncMitogen

extension Router {
  /// Whether somebody is not read because a context takes nothing.
  fileprivate func holdsBack(for context: Context) -> Bool {
    table.link(to: context.id).map { pauses.hasWaiting(for: $0) } ?? false
  }
}

/// A context that stops reading.
@Suite(.timeLimit(.minutes(1)))
struct SlowReaderTests {
  @Test func `who sends to one that does not read is held back, and goes on when it reads`() async throws {
    try await withRouter { router in
      let (busy, slow, other) = (try await router.local(), try await router.local(), try await router.local())
      let result = Receiver<Int>(router: router)
      try await slow.call(result.sender) { result in
        guard let current = ExternalContext.current else { throw Opaque() }
        let inbox = Receiver<Message>(router: current.router, handle: 430_000, limit: .unbounded)
        Task {
          var bytes = 0
          for try await message in inbox where !message.payload.isEmpty {
            bytes += message.payload.count
            if bytes == 48 << 20 { try result.post(bytes) }
          }
        }
      }
      let pid = try await slow.call { Facts.processID() }
      kill(pid, SIGSTOP)
      defer { kill(pid, SIGCONT) }
      let sent = busy.callAsync(slow) { slow in
        for _ in 0..<48 { try slow.send([UInt8](repeating: 7, count: 1 << 20), to: 430_000) }
        return 48
      }
      while await !router.holdsBack(for: slow) { await Task.yield() }
      // What waits here is bounded; the rest stays where it comes from, and its answer waits behind it.
      let pending = await router.pendingBytes(to: slow)
      #expect(pending > IngressPauses.highWatermark && pending <= IngressPauses.highWatermark + 2 << 20)
      #expect(try await other.call { 1 } == 1)
      await #expect(throws: TimeoutError.self) { try await sent.get(timeout: .zero) }
      #expect(await router.pendingBytes(to: slow) == pending)
      #expect(result.size == 0)
      kill(pid, SIGCONT)
      #expect(try await sent.get(timeout: .seconds(30)) == 48)
      #expect(try await result.get(timeout: .seconds(30)) == 48 << 20)
      #expect(await !router.holdsBack(for: slow))
      #expect(await router.pendingBytes(to: slow) == 0)
      #expect(try await busy.call(slow) { $0 } == slow)
    }
  }
}
