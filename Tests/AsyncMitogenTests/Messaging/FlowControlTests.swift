import Synchronization
import Testing

@testable import AsyncMitogen

/// Senders and receivers that keep pace, in one context or two.
@Suite(.timeLimit(.minutes(1)))
struct FlowControlTests {
  let network = TestNetwork()

  /// An element which is 100 bytes on the wire.
  private let element = [UInt8](repeating: 0, count: 100 - FlowControl.headerSize)

  /// A receiver in one context whose consumption counts in 1 MiB, and a sender in another with as much.
  private func pair(acknowledges: Bool? = true) -> (TestPort, TestPort, Receiver<[UInt8]>, Sender<[UInt8]>) {
    let here = network.port(1)
    let there = network.port(2, acknowledges: acknowledges)
    let receiver = Receiver<[UInt8]>(port: here, coder: raw)
    let sender = Sender(port: there, contextID: 1, handle: receiver.core.handle, coder: raw)
    return (here, there, receiver, sender)
  }

  /// Sends until the sender waits; the returned task is the one that waits.
  private func fill(_ sender: Sender<[UInt8]>, size: Int = 100_000) async throws -> Task<Void, any Error> {
    let element = [UInt8](repeating: 0, count: size - FlowControl.headerSize)
    for _ in 0...FlowControl.window / UInt64(size) { try await sender.send(element) }
    let waiter = Task { try await sender.send(element) }
    try await eventually("the sender waits") { sender.flow.waiterCount == 1 }
    return waiter
  }

  @Test(arguments: [false, true]) func `a sender waits for its receiver`(isLocal: Bool) async throws {
    let (_, _, receiver, remote) = pair()
    let sender = isLocal ? receiver.sender : remote
    let waiter = try await fill(sender)
    for _ in 0..<5 { _ = try await receiver.get() }
    #expect(sender.flow.waiterCount == 1)
    _ = try await receiver.get()  // More than half a window is consumed now.
    try await waiter.value
    #expect(receiver.size == 6)
  }

  @Test func `acknowledgements are decimal totals to the flow's handle`() async throws {
    let (here, there, receiver, sender) = pair()
    let waiter = try await fill(sender)
    for _ in 0..<6 { _ = try await receiver.get() }
    try await waiter.value
    let acknowledgement = try #require(here.posted.first)
    #expect(acknowledgement.destination == 2)
    #expect(acknowledgement.handle.isFlow)
    #expect(acknowledgement.encoding == .legacy)
    #expect(acknowledgement.replyTo == .none)
    #expect(String(decoding: acknowledgement.payload, as: UTF8.self) == "600000")
    #expect(there.posted.allSatisfy { $0.replyTo == acknowledgement.handle })
  }

  @Test func `any amount passes through a window`() async throws {
    let (_, _, receiver, sender) = pair()
    let sending = Task {
      let element = [UInt8](repeating: 1, count: 30_000)
      for _ in 0..<1000 { try await sender.send(element) }
      sender.close()
    }
    var total = 0
    var largest = 0
    for try await element in receiver {
      total += element.count
      largest = max(largest, receiver.size)
    }
    try await sending.value
    #expect(total == 30_000_000)
    #expect(largest <= 36)
  }

  @Test func `many senders of small messages do not overrun a receiver together`() async throws {
    let here = network.port(1)
    let receiver = Receiver<Int>(port: here, coder: decimal)
    let senders = (UInt32(2)..<5).map { context in
      let sender = Sender(
        port: network.port(ContextID(rawValue: context)), contextID: 1, handle: receiver.core.handle, coder: decimal)
      return (sender, Task { for number in 0..<40_000 { try await sender.send(number % 10) } })
    }
    try await eventually { senders.allSatisfy { $0.0.flow.waiterCount == 1 } }
    #expect(receiver.size > QueueLimit.standard.messages)
    for _ in 0..<120_000 { _ = try await receiver.get() }
    for (_, task) in senders { try await task.value }
  }

  @Test func `one message larger than the window passes`() async throws {
    let (_, _, receiver, sender) = pair()
    for _ in 0..<3 {
      try await sender.send([UInt8](repeating: 0, count: 5 << 20))
      #expect(try await receiver.get().count == 5 << 20)
    }
  }

  @Test func `a receiver that never acknowledges is not waited for`() async throws {
    let (_, there, receiver, sender) = pair(acknowledges: false)
    for _ in 0..<30 { try await sender.send([UInt8](repeating: 0, count: 100_000)) }
    #expect(receiver.size == 30)
    #expect(there.queries.open.withLock { $0.map(\.0) } == [1])
  }

  @Test func `who waits while the other side is asked goes on when it never acknowledges`() async throws {
    let (_, there, receiver, sender) = pair(acknowledges: nil)
    let waiter = try await fill(sender)
    #expect(there.queries.open.withLock { $0.count } == 1)
    there.queries.open.withLock { $0[0].1 }(false)
    try await waiter.value
    #expect(receiver.size == 12)
  }

  @Test func `who waits while the other side is asked waits on when it acknowledges`() async throws {
    let (_, there, receiver, sender) = pair(acknowledges: nil)
    let waiter = try await fill(sender)
    there.queries.open.withLock { $0[0].1 }(true)
    #expect(sender.flow.waiterCount == 1)
    for _ in 0..<6 { _ = try await receiver.get() }
    try await waiter.value
  }

  @Test func `a cancelled sender sends nothing`() async throws {
    let (_, _, receiver, sender) = pair()
    let waiter = try await fill(sender)
    waiter.cancel()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    #expect(receiver.size == 11)
    for _ in 0..<11 { _ = try await receiver.get() }
    #expect(receiver.size == 0)
    try await sender.send(element)
    #expect(receiver.size == 1)
  }

  @Test func `closing a receiver ends the wait of its senders`() async throws {
    let (_, _, receiver, sender) = pair()
    let waiter = try await fill(sender)
    receiver.close()
    let error = ChannelError("the Receiver has been closed", context: 1)
    await #expect(throws: error) { try await waiter.value }
    await #expect(throws: error) { try await sender.send([1]) }
    #expect(throws: error) { try sender.post([1]) }
  }

  @Test func `dropping a receiver ends the wait of its senders`() async throws {
    let here = network.port(1)
    let there = network.port(2)
    var receiver: Receiver<[UInt8]>? = Receiver(port: here, coder: raw)
    let handle = try #require(receiver?.handle)
    let sender = Sender(port: there, contextID: 1, handle: handle, coder: raw)
    let waiter = try await fill(sender)
    receiver = nil
    await #expect(throws: ChannelError.self) { try await waiter.value }
  }

  @Test func `losing the receiver's context ends the wait of its senders`() async throws {
    let (_, _, receiver, sender) = pair()
    let waiter = try await fill(sender)
    network.disconnect(1)
    let error = ChannelError("the respondent Context has disconnected", context: 1)
    await #expect(throws: error) { try await waiter.value }
    await #expect(throws: error) { try await sender.send(element) }
    _ = receiver
  }

  @Test func `nobody to receive is known after the first message`() async throws {
    _ = network.port(1)
    let there = network.port(2)
    let nobody = Sender(port: there, contextID: 1, handle: 5555, coder: decimal)
    try await nobody.send(1)
    await #expect(throws: ChannelError("invalid handle", context: 1)) { try await nobody.send(2) }
    let nowhere = Sender(port: there, contextID: 9, handle: 5555, coder: decimal)
    try await nowhere.send(1)
    await #expect(throws: ChannelError("no route to 9, my ID is 2", context: 9)) { try await nowhere.send(2) }
  }

  @Test func `a new sender does not inherit a failure`() async throws {
    let here = network.port(1)
    let there = network.port(2)
    let old = Sender(port: there, contextID: 1, handle: 5555, coder: decimal)
    try await old.send(1)
    await #expect(throws: ChannelError.self) { try await old.send(1) }
    let receiver = Receiver<Int>(port: here, handle: 5555, coder: decimal)
    let new = Sender(port: there, contextID: 1, handle: 5555, coder: decimal)
    try await new.send(2)
    #expect(try await receiver.get() == 2)
  }

  @Test func `senders to one receiver share a flow, which goes with the last`() async throws {
    let (_, there, receiver, first) = pair()
    var sender: Sender<[UInt8]>? = first
    let handle = receiver.core.handle
    weak var flow: Flow?
    do {
      let other = Sender(port: there, contextID: 1, handle: handle, coder: raw)
      #expect(other.flow === sender?.flow)
      #expect(other == first)
      flow = other.flow
      #expect(there.handles.isEmpty)
      try await other.send(element)
      #expect(there.handles.count == 1)
    }
    _ = consume first
    sender = nil
    _ = sender
    #expect(flow == nil)
    #expect(there.handles.isEmpty)
    #expect(there.flows.count == 0)
  }

  @Test func `acknowledgements of others, and nonsense, are not heard`() async throws {
    let (_, there, receiver, sender) = pair()
    let waiter = try await fill(sender)
    let handle = try #require(there.handles.first { $0.isFlow })
    for text in ["", "-1", "1e6", "99999999999999999999999", "2000000"] {
      there.deliver(Message(destination: 2, source: 1, handle: handle, payload: Array(text.utf8)))
    }
    there.deliver(Message(destination: 2, source: 3, handle: handle, payload: Array("1100000".utf8)))
    #expect(sender.flow.waiterCount == 1)
    receiver.close()
    _ = await waiter.result
  }

  @Test func `a receiver with too many senders tells those it forgets`() async throws {
    let here = network.port(1)
    let receiver = Receiver<Int>(port: here, coder: decimal)
    let victim = network.port(2)
    let sender = Sender(port: victim, contextID: 1, handle: receiver.core.handle, coder: decimal)
    try await sender.send(1)
    _ = try await receiver.get()
    for number in UInt32(0)..<1024 {
      here.deliver(
        Message(
          source: 2, handle: receiver.core.handle, replyTo: Handle(rawValue: Handle.firstFlow.rawValue + 100 + number),
          payload: [0x31]))
      _ = try await receiver.get()
    }
    await #expect(throws: ChannelError("the Receiver has too many senders", context: 1)) { try await sender.send(2) }
  }

  @Test func `a sender sends what a sequence yields`() async throws {
    let port = network.port(1)
    let receiver = Receiver<Int>(port: port, coder: decimal)
    let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
    for number in 0..<5 { continuation.yield(number) }
    continuation.finish()
    try await receiver.sender.send(contentsOf: stream)
    receiver.sender.close()
    var seen: [Int] = []
    for try await element in receiver { seen.append(element) }
    #expect(seen == [0, 1, 2, 3, 4])
  }

  @Test func `a sender outside a message is an error that says so`() throws {
    let port = network.port(1)
    let sender = Receiver<Int>(port: port, coder: decimal).sender
    #expect(throws: EncodingError.self) { try sender.encode(to: NoEncoder()) }
    #expect(throws: DecodingError.self) { try Sender<Int>(from: NoDecoder()) }
  }
}

/// What stands in for other people's coders.
private struct NoEncoder: Encoder {
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> { unreachable() }
  func unkeyedContainer() -> any UnkeyedEncodingContainer { unreachable() }
  func singleValueContainer() -> any SingleValueEncodingContainer { unreachable() }
  private func unreachable() -> Never { preconditionFailure("nothing is encoded") }
}

private struct NoDecoder: Decoder {
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> { throw StreamError("") }
  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw StreamError("") }
  func singleValueContainer() throws -> any SingleValueDecodingContainer { throw StreamError("") }
}
