import Testing

@testable import AsyncMitogen

@Suite struct KeepAliveTests {
  @Test func `a link that says nothing for four intervals is dead`() {
    var link = KeepAlive()
    #expect(link.tick(received: 10, isListening: true) == .alive)
    for _ in 1..<KeepAlive.limit { #expect(link.tick(received: 10, isListening: true) == .alive) }
    #expect(link.tick(received: 10, isListening: true) == .dead)
  }

  @Test func `a byte is enough, and who does not listen cannot tell`() {
    var link = KeepAlive()
    for round in 0..<20 as Range<UInt64> {
      for _ in 1..<KeepAlive.limit { #expect(link.tick(received: round, isListening: true) == .alive) }
      #expect(link.tick(received: round + 1, isListening: true) == .alive)
    }
    for _ in 0..<20 { #expect(link.tick(received: 20, isListening: false) == .alive) }
  }
}
