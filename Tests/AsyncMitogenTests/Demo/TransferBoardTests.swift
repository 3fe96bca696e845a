import AsyncMitogen
import Testing

@testable import AsyncMitogenDemo

@Suite struct TransferBoardTests {
  @Test func `a rate needs two measurements, and a steady one is itself`() {
    var rate = TransferRate()
    #expect(rate.value == nil && rate.seconds(for: 1) == nil && rate.seconds(for: 0) == 0)
    rate.measure(500, at: .seconds(7))
    #expect(rate.value == nil)
    for second in 8...60 {
      rate.measure(500 + (second - 7) * 1_000, at: .seconds(second))
      #expect(rate.value == 1_000)
    }
    #expect(rate.seconds(for: 5_000) == 5 && rate.seconds(for: -1) == 0)
  }

  @Test func `a rate follows, smoothly, and to nothing`() throws {
    var rate = TransferRate()
    for tenth in 0...100 { rate.measure(tenth * 100, at: .milliseconds(tenth * 100)) }
    let steady = try #require(rate.value)
    #expect((999.9...1_000.1).contains(steady))
    // One large piece at once moves it by a thirtieth of what it would be alone.
    rate.measure(10_000 + 3_100, at: .milliseconds(10_100))
    let jumped = try #require(rate.value)
    #expect(jumped > 1_500 && jumped < 2_500)
    // Nothing comes: it falls, always, below any bound, and never under zero.
    var last = jumped
    for tenth in 102...600 {
      rate.measure(13_100, at: .milliseconds(tenth * 100))
      let value = try #require(rate.value)
      #expect(value < last && value > 0)
      last = value
    }
    #expect(last < 0.01 && rate.seconds(for: 1_000_000) == nil)
  }

  @Test func `measurements that say nothing, or that it begins again`() {
    var rate = TransferRate()
    rate.measure(0, at: .seconds(1))
    rate.measure(100, at: .seconds(1))
    rate.measure(100, at: .seconds(0))
    #expect(rate.value == nil)
    rate.measure(100, at: .seconds(2))
    #expect(rate.value == 100)
    rate.measure(50, at: .seconds(3))
    #expect(rate.value == nil)
    rate.measure(60, at: .seconds(4))
    #expect(rate.value == 10)
    rate.measure(.max, at: .seconds(5))
    #expect(rate.seconds(for: .max) != nil)
  }

  private static func board() -> TransferBoard {
    var board = TransferBoard(stage: "copy")
    board.add(.relay(1), name: "by way of a", size: 1_000)
    for (id, name) in [(1, "a"), (2, "b"), (3, "c")] as [(ContextID, String)] {
      board.add(.target(id), name: name, size: 1_000)
    }
    return board
  }

  @Test func `each transfer and all together`() {
    var board = Self.board()
    #expect(board.summary == "copy: 0 of 3 targets, 0% of 3.9 KiB")
    board.move(.relay(1), to: 0, of: 1_000)
    board.measure(at: .zero)
    board.move(.relay(1), to: 1_000, of: 1_000)
    board.end(.relay(1), isDone: true)
    board.move(.target(1), to: 0, of: 1_000)
    board.measure(at: .seconds(1))
    board.move(.target(1), to: 500, of: 1_000)
    board.end(.target(2), isDone: false)
    board.move(.relay(1), to: 300, of: 1_000)
    board.move(.target(2), to: 300, of: 1_000)
    board.move(.target(77), to: 5, of: 5)
    board.end(.target(77), isDone: true)
    board.measure(at: .seconds(2))
    // What failed is not waited for: 1500 of 3000 bytes are there.
    #expect(board.summary == "copy: 1 of 3 targets, 50% of 2.9 KiB, 875 B/s, 2s left")
    #expect(
      board.lines(fitting: 80, count: 10) == [
        "copy: 1 of 3 targets, 50% of 2.9 KiB, 875 B/s, 2s left",
        "NAME                                              RATE     LEFT",
        "by way of a  [########################]  100%              done",
        "a            [############............]   50%  500 B/s  1s left",
        "b            failed",
        "c            waiting",
      ])
    // Where there is little room, only what goes on; and no line is too long.
    let few = board.lines(fitting: 30, count: 5)
    #expect(few.count == 4 && few.dropFirst(2).allSatisfy { $0.hasPrefix("a ") || $0.hasPrefix("c ") })
    #expect(few.allSatisfy { $0.displayWidth <= 30 })
  }

  @Test func `what was there before has not been fast, and sizes may not be known yet`() {
    var board = TransferBoard(stage: "fetch")
    board.add(.target(1), name: "a")
    board.add(.target(2), name: "b")
    board.move(.target(1), to: 900, of: 1_000)
    board.measure(at: .zero)
    #expect(board.summary == "fetch: 0 of 2 targets")
    board.move(.target(1), to: 910, of: 1_000)
    board.move(.target(2), to: 0, of: 0)
    board.measure(at: .seconds(1))
    #expect(board.summary == "fetch: 0 of 2 targets, 91% of 1000 B, 10 B/s, 9s left")
    board.end(.target(1), isDone: true)
    board.end(.target(2), isDone: true)
    #expect(board.summary.hasPrefix("fetch: 2 of 2 targets, 100% of 1000 B"))
  }

  @Test(arguments: [
    (["web1", "ssh:web2/sudo:root"], ["web1", "ssh_web2_sudo_root"]),
    (["a:b", "a/b", "a b", "a_b~2"], ["a_b", "a_b~2", "a_b~3", "a_b_2"]),
    (["..", ".", "", "-rf", "me@host+1=2,3"], ["_..", "_.", "_", "_-rf", "me@host+1=2,3"]),
    (["a\n", "ä", "a\u{308}", "x~2", "x_2", "x:2"], ["a_", "_", "a_~2", "x_2", "x_2~2", "x_2~3"]),
  ]) func `names of files are safe, and each another`(_ targets: [String], _ names: [String]) {
    #expect(FetchPaths.names(of: targets) == names)
  }

  @Test func `names are not too long, and still each another`() {
    let names = FetchPaths.names(of: (0..<300).map { String(repeating: "x", count: 500) + "\($0)" })
    #expect(Set(names).count == 300 && names.allSatisfy { $0.utf8.count <= 210 })
  }
}
