import Testing

@testable import AsyncMitogen

@Suite(.timeLimit(.minutes(1)))
struct ChannelTests {
  @Test func `a channel has the other side's address and a handle of its own`() throws {
    let port = TestPort()
    let channel = Channel(
      port: port, contextID: 4, destinationHandle: 123, incoming: decimal, outgoing: decimal)
    #expect(channel.contextID == 4)
    #expect(channel.destinationHandle == 123)
    #expect(try #require(channel.handle) > 0)
  }

  @Test func `two channels are a conversation`() async throws {
    let network = TestNetwork()
    let here = network.port(1)
    let there = network.port(2)
    let mine = Channel(
      port: here, contextID: 2, destinationHandle: 2000, handle: 3000, incoming: decimal, outgoing: decimal)
    let theirs = Channel(
      port: there, contextID: 1, destinationHandle: 3000, handle: 2000, incoming: decimal, outgoing: decimal)
    let echo = Task {
      for try await number in theirs { try await theirs.send(number + 1) }
    }
    for number in 0..<10 {
      try await mine.send(number)
      #expect(try await mine.get() == number + 1)
    }
    mine.close()
    try await echo.value
    #expect(mine.handle == nil)
    await #expect(throws: ChannelError.self) { try await mine.get() }
  }

  @Test func `a lost conversation says so`() async throws {
    let network = TestNetwork()
    let here = network.port(1)
    _ = network.port(2)
    let channel = Channel(port: here, contextID: 2, destinationHandle: 2000, incoming: decimal, outgoing: decimal)
    let waiter = Task { try await channel.get() }
    try await eventually { channel.receiver.core.queue.waiterCount == 1 }
    network.disconnect(2)
    let lost = ChannelError("the respondent Context has disconnected", context: 2)
    await #expect(throws: lost) { try await waiter.value }
  }
}
