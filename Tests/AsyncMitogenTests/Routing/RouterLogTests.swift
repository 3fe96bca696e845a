import Testing

@testable import AsyncMitogen

/// What routers log of messages that they do not deliver.
extension ChildLogTests {
  @Test func `a stream that is no stream of messages is closed, and shown`() async throws {
    let (context, lines) = try await collect { router in
      let context = try await router.connect(Script(text: "echo MITO002; printf %026d 0; exec sleep 60"))
      try await context.disconnected()
      #expect(await router.reachableContexts.isEmpty)
      return context
    }
    let text = lines.filter { $0.message.contains("Corruption detected: frame signature incorrect") }.map(\.message)
    #expect(text.count == 1)
    #expect(text.first?.hasPrefix("\(context): ") == true && text.first?.contains("Received:") == true)
  }

  @Test func `a message that is too large is logged where it was sent, and the call goes on`() async throws {
    let configuration = RouterConfiguration(maxMessageSize: 65_536)
    let (child, lines) = try await collect(.debug, configuration: configuration) { router in
      let child = try await router.local()
      let result = try await child.call {
        try ExternalContext.current?.master.send([UInt8](repeating: 0, count: 131_072), to: 123)
        return 5
      }
      #expect(result == 5)
      return child
    }
    let mine = lines.filter { $0.contextID == child.id && $0.message.hasSuffix("message too large (max 65536 bytes)") }
    #expect(mine.count == 1)
  }

  @Test func `a message that is refused is logged`() async throws {
    let configuration = RouterConfiguration(unidirectional: true)
    let (child, lines) = try await collect(.debug, configuration: configuration) { router in
      let (child, other) = (try await router.local(), try await router.local())
      try router.addHandler(450_000, policy: MessagePolicy { _, _ in false }) { _ in }
      try await child.call(other) { other in
        guard let current = ExternalContext.current else { throw Opaque() }
        try current.master.send([], to: 450_000)
        try other.send([], to: 450_000)
      }
      return child
    }
    let texts = lines.filter { $0.contextID == nil }.map(\.message)
    #expect(texts.contains { $0.hasSuffix("refused by policy") })
    let way = "from context \(child.id) to context \(child.id.rawValue + 1) via context 0"
    #expect(texts.contains { $0.hasSuffix("routing mode prevents forward of message \(way)") })
  }
}
