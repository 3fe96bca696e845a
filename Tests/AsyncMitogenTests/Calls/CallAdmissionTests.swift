import Testing

@testable import AsyncMitogen

struct CallAdmissionTests {
  private func call(_ number: UInt32, size: Int = 0) -> Message {
    Message(
      source: 0, handle: .callFunction, replyTo: Handle(rawValue: number), payload: [UInt8](repeating: 0, count: size))
  }

  private func started(_ decision: CallAdmission.Decision) -> CallAdmission.Start? {
    if case .start(let start) = decision { return start }
    return nil
  }

  private func isQueued(_ decision: CallAdmission.Decision) -> Bool {
    if case .queued = decision { return true }
    return false
  }

  private func refusal(_ decision: CallAdmission.Decision) -> String? {
    if case .refused(let reason) = decision { return reason }
    return nil
  }

  @Test func `so many run, so many wait, in order`() throws {
    var admission = CallAdmission(runningLimit: 1, waitingLimit: 2)
    let first = try #require(started(admission.admit(call(1), chain: nil)))
    #expect(isQueued(admission.admit(call(2), chain: nil)))
    #expect(isQueued(admission.admit(call(3), chain: nil)))
    #expect(refusal(admission.admit(call(4), chain: nil)) == "more than 2 calls wait already")
    let next = admission.finished(first.identifier, failure: nil)
    #expect(next.map(\.message.replyTo) == [2])
    #expect(admission.finished(first.identifier, failure: nil).isEmpty == true)
    #expect(admission.runningCount == 1 && admission.waitingCount == 1)
  }

  @Test func `what waits is bounded in bytes, but one may always wait`() throws {
    var admission = CallAdmission(runningLimit: 1, waitingLimit: 10, waitingBytesLimit: 100)
    _ = admission.admit(call(1), chain: nil)
    #expect(isQueued(admission.admit(call(2, size: 500), chain: nil)))
    #expect(refusal(admission.admit(call(3, size: 1), chain: nil))?.contains("100 bytes") == true)
  }

  @Test func `a chain runs one by one, and fails with its first failure until it is forgotten`() throws {
    var admission = CallAdmission(runningLimit: 8, waitingLimit: 8)
    let first = try #require(started(admission.admit(call(1), chain: "c")))
    #expect(isQueued(admission.admit(call(2), chain: "c")))
    #expect(started(admission.admit(call(3), chain: "d")) != nil)
    let second = try #require(admission.finished(first.identifier, failure: [1]).first)
    #expect(second.failure == [1])
    _ = admission.finished(second.identifier, failure: [2])
    let third = try #require(started(admission.admit(call(4), chain: "c")))
    #expect(third.failure == [1])
    _ = admission.finished(third.identifier, failure: [1])
    admission.forget("c")
    let fourth = try #require(started(admission.admit(call(5), chain: "c")))
    #expect(fourth.failure == nil)
    _ = admission.finished(fourth.identifier, failure: nil)
    #expect(admission.chainCount == 1)
  }

  @Test func `a chain that is reset often keeps its failure, and others theirs`() throws {
    var admission = CallAdmission(runningLimit: 8, waitingLimit: 8)
    func run(_ chain: String, failure: [UInt8]?) throws -> [UInt8]? {
      let start = try #require(started(admission.admit(call(1), chain: chain)))
      _ = admission.finished(start.identifier, failure: start.failure ?? failure)
      return start.failure
    }
    _ = try run("old", failure: [9])
    for _ in 0...CallAdmission.failedChainLimit {
      _ = try run("c", failure: [1])
      #expect(try run("c", failure: nil) == [1])
      admission.forget("c")
    }
    #expect(try run("old", failure: nil) == [9])
    for number in 0..<CallAdmission.failedChainLimit { _ = try run("n\(number)", failure: [2]) }
    #expect(try run("old", failure: nil) == nil)
    #expect(admission.chainCount <= CallAdmission.failedChainLimit)
  }

  @Test func `who gave up on a call that waits is remembered, and nobody longer`() throws {
    var admission = CallAdmission(runningLimit: 1, waitingLimit: 8)
    let first = try #require(started(admission.admit(call(1), chain: nil)))
    _ = admission.admit(call(2), chain: nil)
    #expect(admission.cancel(.init(source: 0, replyTo: 2)) == nil)
    let second = try #require(admission.finished(first.identifier, failure: nil).first)
    #expect(admission.takeAbandoned(second.message) == true)
    // One that had ended already leaves nothing that would keep a later one from being heard.
    _ = admission.admit(call(3), chain: nil)
    _ = admission.cancel(.init(source: 0, replyTo: 77))
    let third = try #require(admission.finished(second.identifier, failure: nil).first)
    #expect(admission.takeAbandoned(third.message) == false)
    _ = admission.admit(call(4), chain: nil)
    _ = admission.cancel(.init(source: 0, replyTo: 4))
    let fourth = try #require(admission.finished(third.identifier, failure: nil).first)
    #expect(admission.takeAbandoned(fourth.message) == true)
  }

  @Test func `after the end nothing starts, and what waited is given back`() {
    var admission = CallAdmission(runningLimit: 1, waitingLimit: 8)
    _ = admission.admit(call(1), chain: "c")
    _ = admission.admit(call(2), chain: "c")
    _ = admission.admit(call(3), chain: nil)
    #expect(Set(admission.close().waiting.map(\.replyTo)) == [2, 3])
    #expect(refusal(admission.admit(call(4), chain: nil)) == "this context is ending")
  }
}
