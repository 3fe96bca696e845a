import Testing

@testable import AsyncMitogen

/// A value that the macros of tests can change.
private final class Changing<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
  func change<Result>(_ body: (inout Value) -> Result) -> Result { body(&value) }
}

/// How far transfers may be ahead of their readers, and whose turn it is.
struct TransferWindowTests {
  @Test func `it makes way for others`() {
    var window = TransferWindow()
    window.isPolite = true
    var count = 0
    while let room = window.room {
      #expect(room <= TransferWindow.polite / 4)
      window.send(room)
      count += 1
    }
    #expect(count >= 4 && window.outstanding <= TransferWindow.polite + TransferWindow.polite / 4)
    window.isPolite = false
    #expect(window.room == TransferWindow.wholeChunk)
    // No more than its share, which may be less.
    window = TransferWindow(limit: TransferWindow.least)
    window.isPolite = true
    while let room = window.room { window.send(room) }
    #expect(window.outstanding <= TransferWindow.least + TransferWindow.polite / 4)
  }

  @Test func `alone, Mitogen's pieces up to Mitogen's window`() {
    var window = TransferWindow()
    var pieces = 0
    while let room = window.room {
      #expect(room == 131_046)
      window.send(room)
      pieces += 1
    }
    #expect(pieces == 9 && window.outstanding == 1_179_414)
    window.acknowledge(total: 131_046)
    #expect(window.room != nil)
    window.send(131_046)
    #expect(window.room == nil)
  }

  @Test func `acknowledgements that are made up change nothing, or only what was sent`() {
    let box = Changing(TransferWindow())
    box.value.send(1_000)
    box.change({ $0.acknowledge(total: 2_000) })
    box.change({ $0.acknowledge(total: -1) })
    #expect(box.value.outstanding == 1_000)
    box.change({ $0.acknowledge(total: 600) })
    box.change({ $0.acknowledge(total: 500) })
    #expect(box.value.outstanding == 400)
    #expect(!box.change({ $0.acknowledge(more: -5) }) && !box.change({ $0.acknowledge(more: 0) }))
    #expect(box.change({ $0.acknowledge(more: 100) }))
    #expect(box.value.outstanding == 300)
    #expect(!box.change({ $0.acknowledge(more: .max) }))
    #expect(box.value.outstanding == 0)
    #expect(!box.change({ $0.acknowledge(more: 1) }))
  }

  @Test func `those who share a link are together hardly further ahead than one`() {
    for count in 0...1_024 {
      let window = TransferWindow(limit: TransferWindow.share(of: count))
      var sent = window
      while let room = sent.room { sent.send(room) }
      #expect(sent.outstanding > 0)
      let together = count * sent.outstanding
      #expect(together <= max(1_179_414 + 131_046, count * (32 << 10)) + count * (16 << 10))
    }
  }

  @Test func `a window of nothing waits, and goes on when it is opened`() {
    var window = TransferWindow(limit: 0)
    #expect(window.room == nil)
    window.limit = TransferWindow.whole
    #expect(window.room != nil)
    window.send(1 << 20)
    window.limit = 32 << 10
    #expect(window.room == nil)
    window.acknowledge(total: 1 << 20)
    #expect(window.room == 16 << 10)
  }

  @Test func `there are only so many transfers, and only so many to one context`() {
    let box = Changing(TransferTable<String>(limit: 5, limitPerContext: 3))
    let first = (0..<3).map { _ in box.change({ $0.reserve(for: 1, over: 1, isPlain: false) }) }
    #expect(first.allSatisfy { $0 != nil })
    #expect(box.change({ $0.reserve(for: 1, over: 1, isPlain: false) }) == nil)
    #expect(box.change({ $0.reserve(for: 2, over: 1, isPlain: true) }) != nil)
    #expect(box.change({ $0.reserve(for: 3, over: 1, isPlain: false) }) != nil)
    #expect(box.change({ $0.reserve(for: 4, over: 1, isPlain: false) }) == nil)
    if let number = first[0] { #expect(box.change({ $0.end(number) }) == nil) }
    #expect(box.change({ $0.reserve(for: 1, over: 2, isPlain: false) }) != nil)
    #expect(box.value.count == 5)
  }

  @Test func `transfers that acknowledgements do not tell apart send one after the other`() throws {
    let box = Changing(TransferTable<String>(limit: 100, limitPerContext: 100))
    let numbers = try (0..<4).map { _ in try #require(box.change({ $0.reserve(for: 7, over: 7, isPlain: true) })) }
    #expect(box.value.sending(to: 7) == nil)
    #expect(
      box.change({ $0.begin(numbers[0], "a") }) && !box.change({ $0.begin(numbers[1], "b") })
        && !box.change({ $0.begin(numbers[2], "c") }))
    #expect(box.value.sending(to: 7) == "a")
    // One that waits leaves; nobody's turn comes by that.
    #expect(box.change({ $0.end(numbers[1]) }) == nil)
    #expect(box.change({ $0.end(numbers[0]) }) == "c")
    #expect(box.value.sending(to: 7) == "c")
    // One of another context has its own turn, and one of ours needs none.
    let other = try #require(box.change({ $0.reserve(for: 8, over: 7, isPlain: true) }))
    let ours = try #require(box.change({ $0.reserve(for: 7, over: 7, isPlain: false) }))
    #expect(box.change({ $0.begin(other, "o") }) && box.change({ $0.begin(ours, "x") }))
    // One that never began is no turn either.
    #expect(box.change({ $0.end(numbers[3]) }) == nil)
    #expect(box.change({ $0.end(numbers[2]) }) == nil && box.value.sending(to: 7) == nil)
    #expect(box.value.all.map(\.transfer) == ["o", "x"])
    #expect(
      box.change({ $0.end(other) }) == nil && box.change({ $0.end(ours) }) == nil && box.change({ $0.end(ours) }) == nil
        && box.value.count == 0)
  }

  @Test func `windows are shared by those over one neighbour, whatever comes and goes`() throws {
    var random = SplitMix64(state: 5)
    let box = Changing(TransferTable<UInt64>(limit: 64, limitPerContext: 16))
    var model: [UInt64: (requester: ContextID, hop: ContextID)] = [:]
    for _ in 0..<5_000 {
      let requester = ContextID(rawValue: UInt32.random(in: 1...8, using: &random))
      let hop = ContextID(rawValue: requester.rawValue % 3)
      if Bool.random(using: &random), let number = box.change({ $0.reserve(for: requester, over: hop, isPlain: false) })
      {
        #expect(box.change({ $0.begin(number, number) }))
        model[number] = (requester, hop)
      } else if let number = model.keys.sorted().randomElement(using: &random) {
        _ = box.change({ $0.end(number) })
        model[number] = nil
      }
      #expect(box.value.count == model.count)
      let shares = box.value.shares(over: hop)
      let expected = model.filter { $0.value.hop == hop }.keys.sorted()
      #expect(shares.transfers.sorted() == expected)
      #expect(shares.window == TransferWindow.share(of: expected.count))
    }
  }
}
