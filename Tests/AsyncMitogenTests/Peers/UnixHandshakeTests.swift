import Testing

@testable import AsyncMitogen

/// What is said before frames, byte for byte as in Mitogen.
struct UnixHandshakeTests {
  private typealias Answer = UnixClientHandshake.Answer

  @Test func `both sides write what Mitogen writes`() {
    #expect(UnixClientHandshake.greeting(process: 0x0001_0203) == [0, 1, 2, 3])
    #expect(UnixClientHandshake.greeting(process: .max) == [255, 255, 255, 255])
    let answer = UnixListenerHandshake.answer(client: 0x0102_0304, listener: 0, process: 4_321)
    #expect(answer == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 16, 225])
  }

  /// Bytes in pieces of the given sizes; the last piece is what is left.
  private static func pieces(_ bytes: [UInt8], _ cuts: [Int]) -> [ArraySlice<UInt8>] {
    let ends = cuts.sorted() + [bytes.count]
    return zip([0] + ends, ends).map { bytes[$0..<$1] }
  }

  @Test func `a listener reads exactly four bytes, however they come`() {
    let bytes: [UInt8] = [0, 0, 16, 225, 77, 74]
    for first in 0...4 {
      for second in first...4 {
        var handshake = UnixListenerHandshake()
        var results: [UInt32?] = []
        for piece in UnixHandshakeTests.pieces(bytes, [first, second]) { results.append(handshake.receive(piece)) }
        #expect(results.last == 4_321)
        #expect(handshake.missing == 0)
      }
    }
    var handshake = UnixListenerHandshake()
    #expect(handshake.receive([1, 2, 3]) == nil)
    #expect(handshake.missing == 1)
  }

  @Test func `a client reads exactly twelve bytes, however they come`() throws {
    let bytes = UnixListenerHandshake.answer(client: 7, listener: 3, process: 99) + [77, 74]
    for first in 0...12 {
      for second in first...12 {
        var handshake = UnixClientHandshake()
        var answer: Answer?
        for piece in UnixHandshakeTests.pieces(bytes, [first, second]) {
          answer = try handshake.receive(piece) ?? answer
        }
        #expect(answer == Answer(client: 7, listener: 3, process: 99))
        #expect(handshake.missing == 0)
      }
    }
  }

  @Test(arguments: [(0, 0), (0, 5), (4, 4), (UInt32.max, .max)])
  func `an answer that gives no number of the client's own is refused`(client: UInt32, listener: UInt32) {
    let bytes = UnixListenerHandshake.answer(
      client: ContextID(rawValue: client), listener: ContextID(rawValue: listener), process: 1)
    #expect(throws: StreamError.self) {
      var handshake = UnixClientHandshake()
      _ = try handshake.receive(bytes)
    }
  }

  @Test func `an end before the answer says how far it came`() throws {
    var handshake = UnixClientHandshake()
    #expect(handshake.whatEndMeans.contains("without an answer"))
    _ = try handshake.receive([0])
    #expect(handshake.whatEndMeans.contains("in the middle"))
  }

  @Test func `whatever comes in whatever pieces, no byte too many is taken`() {
    var random = RandomSource(2_024)
    for _ in 0..<2_000 {
      var (listener, client) = (UnixListenerHandshake(), UnixClientHandshake())
      var (read, answered) = (0, 0)
      while listener.missing > 0 || client.missing > 0 {
        let bytes = (0..<random.below(6)).map { _ in UInt8(random.below(256)) }
        let before = (listener.missing, client.missing)
        if listener.receive(bytes) != nil { read += 1 }
        if before.1 > 0, let answer = try? client.receive(bytes) {
          answered += 1
          #expect(answer.client != .master && answer.client != answer.listener)
        }
        #expect(listener.missing == max(0, before.0 - bytes.count))
        #expect(client.missing == max(0, before.1 - bytes.count))
      }
      #expect(read >= 1 && answered <= 1)
    }
  }

  // MARK: those who have connected

  @Test func `the longest silent makes room, and nobody who has greeted`() {
    var table = ArrivalTable<Int>(limit: 2)
    func add(_ arrival: Int) -> [Int] { table.add(arrival).left }
    #expect(add(0).isEmpty && add(1).isEmpty)
    table.hasGreeted(0)
    #expect(add(2).isEmpty)
    #expect(add(3) == [1])
    #expect(table[1] == nil && table[0] == 0)
    #expect(table.count == 3 && table.silentCount == 2)
    table.update(2, 20)
    table.update(1, 10)
    let removed = [table.remove(2), table.remove(2)]
    #expect(removed == [20, nil])
    #expect(add(4).isEmpty)
    let rest = table.removeAll()
    #expect(rest == [0, 3, 4])
    #expect(table.count == 0 && table.silentCount == 0)
  }

  @Test func `never more are silent than may be, and each leaves once`() {
    var random = RandomSource(7)
    for _ in 0..<200 {
      let limit = 1 + random.below(5)
      var table = ArrivalTable<UInt64>(limit: limit)
      var (added, gone): (Set<UInt64>, [UInt64]) = ([], [])
      for _ in 0..<100 {
        switch random.below(4) {
        case 0, 1:
          let next = table.nextNumber
          let (number, left) = table.add(next)
          #expect(number == next)
          added.insert(number)
          gone += left
        case 2: table.hasGreeted(UInt64(random.below(100)))
        default: if let one = table.remove(UInt64(random.below(100))) { gone.append(one) }
        }
        #expect(table.silentCount <= limit)
        #expect(table.count == added.count - gone.count)
      }
      gone += table.removeAll()
      #expect(gone.count == added.count && Set(gone) == added)
    }
  }
}
