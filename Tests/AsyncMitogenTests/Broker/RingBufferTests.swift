import Testing

@testable import AsyncMitogen

struct RingBufferTests {
  @Test func `behaves as an array does, whatever the order of operations`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var buffer = RingBuffer<Int>()
      var model: [Int] = []
      for step in 0..<200 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5:
          buffer.append(step)
          model.append(step)
        case 5..<9: #expect(buffer.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
        default:
          buffer.keep { !$0.isMultiple(of: 3) }
          model.removeAll { $0.isMultiple(of: 3) }
        }
        #expect(buffer.count == model.count)
        #expect(buffer.isEmpty == model.isEmpty)
      }
      var left: [Int] = []
      buffer.visit { left.append($0) }
      #expect(left == model)
    }
  }

  @Test func `stays usable after it gave its block back`() {
    var buffer = RingBuffer<Int>()
    for round in 0..<3 {
      for number in 0..<5000 { buffer.append(number + round) }
      for number in 0..<5000 { #expect(buffer.popFirst() == number + round) }
      #expect(buffer.popFirst() == nil)
    }
  }

  @Test func `lets go of what was taken`() {
    final class Thing {}
    var buffer = RingBuffer<Thing>()
    weak var thing: Thing?
    do {
      let first = Thing()
      thing = first
      buffer.append(first)
      buffer.append(Thing())
    }
    #expect(thing != nil)
    _ = buffer.popFirst()
    #expect(thing == nil)
    #expect(buffer.count == 1)
  }
}

struct WaitingLineTests {
  @Test func `keeps its order however many leave`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<100 {
      var line = WaitingLine<UInt64>()
      var model: [UInt64] = []
      for number in 0..<UInt64(300) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0..<3:
          line.append(number, ticket: Ticket(number))
          model.append(number)
        case 3: #expect(line.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
        default:
          guard let leaving = model.randomElement(using: &random) else { continue }
          #expect(line.remove(Ticket(leaving)) == leaving)
          #expect(line.remove(Ticket(leaving)) == nil)
          model.removeAll { $0 == leaving }
        }
        #expect(line.count == model.count)
      }
      #expect(line.removeAll() == model)
      #expect(line.isEmpty)
    }
  }

  @Test func `tickets differ`() {
    #expect(Set((0..<100).map { _ in Ticket.next() }).count == 100)
  }
}
