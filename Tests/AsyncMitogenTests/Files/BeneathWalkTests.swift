import Foundation
import Synchronization
import Testing

@testable import AsyncMitogen

/// What is not in a registered directory cannot be had, whatever leads there.
@Suite(.timeLimit(.minutes(1)))
struct BeneathWalkTests {
  /// What is read by names below `in`; nil if they lead out.
  private func read(_ box: Sandbox, _ path: String) throws -> [UInt8]? {
    do {
      let names = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      let file = try OpenedFile(try BeneathWalk.open(names, beneath: box("in")), path: path)
      return try file.read(at: 0, count: 100)
    } catch BeneathWalk.Failure.outside {
      return nil
    }
  }

  private func makeBox() throws -> Sandbox {
    let box = try Sandbox()
    try box.directory("in/a/b")
    try box.directory("out")
    try box.file("in/f", [1])
    try box.file("in/a/b/f", [2])
    try box.file("out/secret", [66])
    return box
  }

  @Test func `links that stay inside are followed`() throws {
    let box = try makeBox()
    try box.link("in/l1", to: "f")
    try box.link("in/a/up", to: "../f")
    try box.link("in/a/down", to: "b")
    try box.link("in/absolute", to: box("in/a/b"))
    try box.link("in/chain", to: "absolute/../down/f")
    try box.link("in/a/b/slashes", to: ".//./../b///f")
    #expect(try read(box, "f") == [1])
    #expect(try read(box, "l1") == [1])
    #expect(try read(box, "a/up") == [1])
    #expect(try read(box, "a/down/f") == [2])
    #expect(try read(box, "absolute/f") == [2])
    #expect(try read(box, "absolute/../up") == [1])
    #expect(try read(box, "chain") == [2])
    #expect(try read(box, "a/b/slashes") == [2])
  }

  @Test func `links that lead out are not`() throws {
    let box = try makeBox()
    try box.link("in/l1", to: "../out/secret")
    try box.link("in/l2", to: box("out/secret"))
    try box.link("in/l3", to: "/etc/passwd")
    try box.link("in/dir", to: "../out")
    try box.link("in/a/far", to: "../../out/secret")
    try box.link("in/a/b/root", to: "../../..")
    try box.link("in/back", to: "../in/f")
    try box.link("in/twice", to: "dir/../in/f")
    try box.link("in/none", to: "../out/nothing")
    try box.link("in/similar", to: box("in") + "side/f")
    for path in [
      "l1", "l2", "l3", "dir/secret", "a/far", "a/b/root/out/secret", "a/b/root/in/f", "back", "twice", "none",
      "similar", "..", "../out/secret", "a/../../out/secret",
    ] {
      #expect(try read(box, path) == nil, "\(path)")
    }
  }

  @Test func `links that lead in circles are not`() throws {
    let box = try makeBox()
    try box.link("in/x", to: "y")
    try box.link("in/y", to: "x")
    try box.link("in/self", to: "self/self")
    #expect(try read(box, "x") == nil)
    #expect(try read(box, "self") == nil)
    // As many as the system itself follows.
    try box.link("in/n0", to: "f")
    for number in 1...45 { try box.link("in/n\(number)", to: "n\(number - 1)") }
    #expect(try read(box, "n39") == [1])
    #expect(try read(box, "n40") == nil)
  }

  @Test func `what is no file says so`() throws {
    let box = try makeBox()
    #expect(throws: BeneathWalk.Failure.system(ENOENT)) { try read(box, "nothing") }
    #expect(throws: BeneathWalk.Failure.system(ENOENT)) { try read(box, "nothing/f") }
    #expect(throws: BeneathWalk.Failure.system(ENOTDIR)) { try read(box, "f/f") }
    for path in ["a", "a/b/..", "a/.", "a/"] {
      #expect(throws: FileServiceError(.notRegular, path: path)) { try read(box, path) }
    }
  }

  @Test func `nothing leaks while names are exchanged`() async throws {
    let box = try makeBox()
    try box.directory("in/real")
    try box.file("in/real/secret", [1])
    let isDone = Atomic(false)
    let rounds = Atomic(0)
    // A directory and links out of the tree take turns under one name.
    async let exchanges = onOwnThread {
      while !isDone.load(ordering: .relaxed) {
        rounds.add(1, ordering: .relaxed)
        unsafe rename(box("in/real"), box("in/d"))
        unsafe rename(box("in/d"), box("in/real"))
        unsafe symlink("../out", box("in/d"))
        unsafe unlink(box("in/d"))
        unsafe symlink(box("out"), box("in/new"))
        unsafe rename(box("in/new"), box("in/d"))
        unsafe unlink(box("in/d"))
      }
    }
    let (seen, refused, missing) = await onOwnThread {
      var counts = (seen: 0, refused: 0, missing: 0)
      while rounds.load(ordering: .relaxed) == 0 { sched_yield() }
      for _ in 0..<10_000 {
        do {
          let content = try self.read(box, "d/secret")
          if content == [66] { Issue.record("it leaks") }
          if content == nil { counts.refused += 1 } else { counts.seen += 1 }
        } catch {
          counts.missing += 1
        }
      }
      isDone.store(true, ordering: .relaxed)
      return counts
    }
    await exchanges
    #expect(seen + refused + missing == 10_000)
  }
}
