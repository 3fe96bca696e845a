import Testing

@testable import AsyncMitogen

struct HandlerTableTests {
  private func action() -> HandlerTable.Action { .closure { _ in } }

  private func reason(_ delivery: HandlerTable.Delivery) -> String? {
    if case .refuse(let reason) = delivery { return reason }
    return nil
  }

  @Test func `handles are given out from 1000 and can be taken once`() throws {
    var table = HandlerTable()
    #expect(try table.register(HandlerRegistration(), action: action()) == 1_000)
    #expect(try table.register(HandlerRegistration(), action: action()) == 1_001)
    #expect(try table.register(HandlerRegistration(handle: 123), action: action()) == 123)
    let error = #expect(throws: StreamError.self) {
      try table.register(HandlerRegistration(handle: 123), action: action())
    }
    #expect(error?.message == "cannot register a handle that already exists")
    #expect(try table.register(HandlerRegistration(handle: 123, overwrites: true), action: action()) == 123)
    #expect(table.remove(123) == true)
    #expect(table.remove(123) == false)
    #expect(try table.register(HandlerRegistration(handle: 123), action: action()) == 123)
    #expect(table.count == 3)
  }

  @Test func `order of the checks`() throws {
    var table = HandlerTable()
    #expect(reason(table.deliver(Message(handle: 5), from: nil)) == "invalid handle")
    _ = try table.register(HandlerRegistration(handle: 5, persists: false, respondent: 7), action: action())
    #expect(reason(table.deliver(Message(source: 8, handle: 5), from: nil)) == "reply from unexpected context")
    #expect(reason(table.deliver(Message.dead(source: 8, handle: 5), from: nil)) == nil)
    #expect(reason(table.deliver(Message(source: 7, handle: 5), from: nil)) == "invalid handle")
    _ = try table.register(
      HandlerRegistration(handle: 6, policy: { message, sender in message.source == sender }), action: action())
    #expect(reason(table.deliver(Message(source: 8, handle: 6), from: 9)) == "refused by policy")
    #expect(reason(table.deliver(Message(source: 8, handle: 6), from: nil)) == "refused by policy")
    #expect(reason(table.deliver(Message(source: 8, handle: 6), from: 8)) == nil)
    #expect(reason(table.deliver(Message(source: 8, handle: 6), from: 8)) == nil)
  }

  @Test func `who waits for a context that is gone is found`() throws {
    var table = HandlerTable()
    for handle in [10, 11, 12] as [Handle] {
      _ = try table.register(HandlerRegistration(handle: handle, respondent: handle == 11 ? 2 : 1), action: action())
    }
    #expect(table.removeWaiting(for: 1).map(\.handle) == [10, 12])
    #expect(table.removeWaiting(for: 1).count == 0)
    #expect(table.removeAll().map(\.handle) == [11])
    #expect(table.count == 0)
  }
}

struct ContextIDAllocatorTests {
  @Test func `a master counts, and gives out blocks`() {
    var master = ContextIDAllocator.master()
    #expect(master.allocate() == 1)
    #expect(master.allocateBlock() == 2..<1_002)
    #expect(master.allocate() == 1_002)
    #expect(master.allocateBlock() == 1_003..<2_003)
  }

  @Test func `a child uses up its block before it takes another`() {
    var child = ContextIDAllocator.child()
    #expect(child.allocate() == nil)
    child.receive(5..<7)
    child.receive(100..<200)
    #expect([child.allocate(), child.allocate(), child.allocate()] == [5, 6, nil])
    child.receive(100..<101)
    #expect([child.allocate(), child.allocate()] == [100, nil])
    #expect(child.allocateBlock() == nil)
  }
}

struct IngressPausesTests {
  @Test func `a source waits until none of its destinations is full`() {
    var pauses = IngressPauses()
    #expect(pauses.pause(1, for: 10) == true)
    #expect(pauses.pause(1, for: 11) == false)
    #expect(pauses.pause(2, for: 10) == true)
    #expect(pauses.resume(10) == [2])
    #expect(pauses.resume(11) == [1])
    #expect(pauses.resume(11).count == 0)
  }

  @Test func `one that takes nothing is not waited for`() {
    var pauses = IngressPauses()
    _ = pauses.pause(1, for: 10)
    #expect(!pauses.isStalled(10))
    #expect(pauses.stall(10) == [1])
    #expect(pauses.isStalled(10))
    #expect(pauses.resume(10).count == 0)
    #expect(!pauses.isStalled(10))
  }

  @Test func `a link that is gone waits for nobody`() {
    var pauses = IngressPauses()
    _ = pauses.pause(1, for: 10)
    _ = pauses.pause(2, for: 10)
    #expect(pauses.remove(1).count == 0)
    #expect(pauses.remove(10) == [2])
    #expect(!pauses.hasWaiting(for: 10))
  }
}

struct OutgoingQueueTests {
  @Test func `writes of any size give the same bytes`() {
    var generator = SplitMix64(state: 3)
    for _ in 0..<200 {
      var queue = OutgoingQueue()
      var (expected, written): ([UInt8], [UInt8]) = ([], [])
      for _ in 0..<Int.random(in: 1...60, using: &generator) {
        if Bool.random(using: &generator) {
          let size = [0, 1, 500, 16_383, 16_384, 70_000].randomElement(using: &generator) ?? 0
          let message = Message(handle: 3, payload: [UInt8](repeating: UInt8(size % 251), count: size))
          queue.append(message)
          expected += MessageHeader(message).bytes + message.payload
        } else if Bool.random(using: &generator) {
          queue.append([1, 2, 3])
          expected += [1, 2, 3]
        } else {
          let accepted = Int.random(in: 0...100_000, using: &generator)
          if queue.isEmpty { continue }
          if queue.isOnePiece {
            queue.withFirstPiece { piece, offset in
              let taken = min(accepted, piece.count - offset)
              written += piece[offset..<offset + taken]
              return taken
            }
          } else {
            _ = queue.withPieces { pieces, offset in
              let bytes = pieces.enumerated().flatMap { $0.offset == 0 ? Array($0.element[offset...]) : $0.element }
              let taken = min(accepted, bytes.count)
              written += bytes[..<taken]
              return taken
            }
          }
        }
        #expect(queue.count == expected.count - written.count)
      }
      while !queue.isEmpty {
        _ = queue.withPieces { pieces, offset in
          written += pieces.first?[offset...] ?? []
          return (pieces.first?.count ?? offset) - offset
        }
      }
      #expect(written == expected)
    }
  }
}

extension OutgoingQueueTests {
  /// Writes up to so many bytes, and returns them.
  private func write(_ limit: Int, of queue: inout OutgoingQueue) -> [UInt8] {
    var written: [UInt8] = []
    _ = queue.withPieces { pieces, offset in
      for (index, piece) in pieces.enumerated() {
        let rest = index == 0 ? piece[offset...] : piece[...]
        written += rest.prefix(limit - written.count)
      }
      return written.count
    }
    return written
  }

  @Test func `what is in bulk lets others go first, and keeps its order`() throws {
    var generator = SplitMix64(state: 5)
    for _ in 0..<100 {
      var queue = OutgoingQueue()
      var decoder = FrameDecoder(limit: 1 << 20)
      var (sent, received): ([Bool: [Int]], [Bool: [Int]]) = ([:], [:])
      var written: [UInt8] = []
      var number = 0
      for _ in 0..<Int.random(in: 1...80, using: &generator) {
        if Bool.random(using: &generator) {
          number += 1
          let isBulk = Bool.random(using: &generator)
          var message = Message(
            handle: Handle(rawValue: UInt32(number)),
            payload: [UInt8](
              repeating: isBulk ? 1 : 0, count: isBulk ? Int.random(in: 1...20_000, using: &generator) : 9))
          message.isBulk = isBulk
          queue.append(message)
          sent[isBulk, default: []].append(number)
        } else {
          written += write(Int.random(in: 1...40_000, using: &generator), of: &queue)
        }
      }
      var isLast = false
      while !isLast {
        let bytes = write(.max, of: &queue)
        isLast = bytes.isEmpty
        written += bytes
      }
      for message in try decoder.append(written) {
        received[message.payload.first == 1, default: []].append(Int(message.handle.rawValue))
      }
      #expect(received == sent && queue.isEmpty && queue.count == 0)
    }
  }

  @Test func `another waits for one in bulk at most`() throws {
    var queue = OutgoingQueue()
    var bulk = Message(handle: 1, payload: [UInt8](repeating: 1, count: 100_000))
    bulk.isBulk = true
    for _ in 0..<10 { queue.append(bulk) }
    queue.append(Message(handle: 2, payload: [1]))
    #expect(queue.count == 10 * (100_000 + MessageHeader.size) + MessageHeader.size + 1)
    let first = write(.max, of: &queue)
    #expect(first.count == 100_000 + 2 * MessageHeader.size + 1)
  }
}

struct ContextNamesTests {
  @Test func `names are kept up to a limit, and one that goes leaves room`() {
    var names = ContextNames()
    let limit = UInt32(ContextNames.limit)
    for number in 0..<limit + 1_000 { names.set(ContextID(rawValue: number), "name") }
    #expect(names.count == ContextNames.limit)
    #expect(names[0] == "name" && names[ContextID(rawValue: limit - 1)] == "name")
    #expect(names[ContextID(rawValue: limit)] == nil)
    names.set(0, "another")
    #expect(names[0] == "another" && names.count == ContextNames.limit)
    names.remove(1)
    names.set(ContextID(rawValue: limit), "late")
    #expect(names[1] == nil && names[ContextID(rawValue: limit)] == "late" && names.count == ContextNames.limit)
  }
}
