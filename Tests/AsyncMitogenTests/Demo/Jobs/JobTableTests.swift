import Testing

@testable import AsyncMitogen
@testable import AsyncMitogenDemo

/// What is kept of jobs, and what is sent to whom.
struct JobTableTests {
  private func table(_ change: (inout JobLimits) -> Void = { _ in }) -> JobTable {
    var limits = JobLimits()
    change(&limits)
    return JobTable(limits: limits)
  }

  private func id(_ number: Int) -> JobID { JobID(text: "\(number)") }

  private func reason(_ body: () throws -> Void) -> JobError.Reason? {
    #expect(throws: JobError.self) { try body() }?.reason
  }

  @Test func `the life of a job`() throws {
    var table = table()
    try table.start(id(1))
    #expect(try table.notice(id(1), now: .zero) == JobNotice())
    #expect(reason { _ = try table.push(id(1), from: 7, [1]) } == .foreign)
    table.attach(id(1), to: 7)
    #expect(try table.push(id(1), from: 7, [1]) == JobNotice(updateCount: 1, update: [1]))
    #expect(try table.push(id(1), from: 7, [2]) == JobNotice(updateCount: 2, update: [2]))
    #expect(reason { _ = try table.push(id(1), from: 8, [1]) } == .foreign)
    let end = JobNotice(state: .succeeded, updateCount: 2, update: [2], output: [3])
    #expect(table.finish(id(1), .success([3]), now: .seconds(1)) == end)
    #expect(try table.notice(id(1), now: .seconds(2)) == end)
    // It ends once.
    #expect(table.finish(id(1), .failure(CancellationError()), now: .seconds(2)) == nil)
    #expect(reason { _ = try table.push(id(1), from: 7, [1]) } == .ended)
    #expect(table.runningCount == 0 && table.finishedCount == 1)
  }

  @Test func `how a job ends`() throws {
    var table = table { $0.valueBytes = 10 }
    for number in 1...4 { try table.start(id(number)) }
    let error = CallError(typeName: "Module.Broken", message: "no paper")
    #expect(table.finish(id(1), .failure(error), now: .zero)?.failure?.description == "no paper")
    #expect(table.finish(id(2), .failure(CancellationError()), now: .zero)?.state == .cancelled)
    let tooLarge = table.finish(id(3), .success([UInt8](repeating: 0, count: 11)), now: .zero)
    #expect(tooLarge?.state == .failed && tooLarge?.output == nil)
    #expect(tooLarge?.failure?.description == "it is too large: a result of 11 bytes, where 10 are allowed")
    let lost = ChannelError("the respondent Context has disconnected", detail: "killed by SIGKILL")
    let failure = table.finish(id(4), .failure(lost), now: .zero)?.failure
    #expect(failure?.description == "the respondent Context has disconnected: killed by SIGKILL")
    #expect(failure?.typeName == "AsyncMitogen.ChannelError")
    // With the causes, where there are any.
    let caused = CallError(typeName: "A", message: "a", causes: [.init(typeName: "B", message: "b", context: nil)])
    #expect(JobFailure(caused).description.contains("caused by: B: b"))
  }

  @Test func `limits`() throws {
    var table = table {
      $0.running = 2
      $0.updateBytes = 3
      $0.finished = 2
      $0.retention = .seconds(10)
    }
    try table.start(id(1))
    try table.start(id(2))
    #expect(reason { try table.start(id(3)) } == .tooManyJobs)
    table.attach(id(1), to: 7)
    _ = try table.push(id(1), from: 7, [1, 2, 3])
    #expect(reason { _ = try table.push(id(1), from: 7, [1, 2, 3, 4]) } == .tooLarge)
    #expect(try table.notice(id(1), now: .zero).update == [1, 2, 3])
    // As many as are remembered, as long as they are: what runs is not forgotten.
    for number in 3...5 {
      _ = table.finish(id(number - 1), .success([]), now: .seconds(number))
      try table.start(id(number))
    }
    #expect(table.finishedCount == 2 && table.runningCount == 2)
    #expect(reason { _ = try table.notice(id(2), now: .seconds(5)) } == .unknownJob)
    #expect(try table.notice(id(3), now: .seconds(13)).state == .succeeded)
    #expect(reason { _ = try table.notice(id(3), now: .seconds(14)) } == .unknownJob)
    #expect(try table.notice(id(4), now: .seconds(14)).state == .succeeded)
    #expect(reason { _ = try table.notice(id(4), now: .seconds(15)) } == .unknownJob)
    #expect(try table.notice(id(1), now: .seconds(1_000_000)).state == .running)
    #expect(table.finishedCount == 0)
  }

  @Test func `results take so much room`() throws {
    var table = table { $0.finishedBytes = 1_000 }
    for number in 1...5 {
      try table.start(id(number))
      let notice = table.finish(id(number), .success([UInt8](repeating: 1, count: 272)), now: .zero)
      #expect(notice?.size == 400)
    }
    #expect(table.finishedCount == 2)
    #expect(try table.notice(id(4), now: .zero).output?.count == 272)
    #expect(reason { _ = try table.notice(id(3), now: .zero) } == .unknownJob)
    // One that is larger than all of it is told to those who listen, and not kept.
    try table.start(id(6))
    #expect(table.finish(id(6), .success([UInt8](repeating: 1, count: 2_000)), now: .zero)?.state == .succeeded)
    #expect(table.finishedCount == 0)
  }

  @Test func `names are different, and as long as they should be`() {
    let names = (0..<1_000).map { _ in JobID.random().text }
    #expect(Set(names).count == 1_000)
    #expect(names.allSatisfy { $0.utf8.count == 32 && $0.allSatisfy(\.isHexDigit) })
  }

  @Test func `only a kind of job is one`() throws {
    #expect(try JobRunner.find(JobRunner.name(of: Guided.self)) == Guided.self)
    for name in ["", "Si", "no such thing", "17AsyncMitogenTests5TallyC", String(repeating: "1", count: 5_000)] {
      #expect(JobRunner.find(name) == nil, "\(name)")
    }
  }

  // MARK: listeners

  private func notice(_ count: Int) -> JobNotice { JobNotice(updateCount: count) }

  @Test func `who is slow gets the newest`() throws {
    var listeners = JobListeners<Int>(limit: 3)
    try listeners.add(1, of: 7, to: id(1))
    try listeners.add(2, of: 8, to: id(1))
    #expect(listeners.tell(notice(1), of: id(1)).sorted() == [1, 2])
    #expect(listeners.next(1, of: id(1)) == notice(1))
    // Both are being sent to; one has not even begun.
    #expect(listeners.tell(notice(2), of: id(1)).isEmpty)
    #expect(listeners.tell(notice(3), of: id(1)).isEmpty)
    for listener in 1...2 {
      #expect(listeners.next(listener, of: id(1)) == notice(3))
      #expect(listeners.next(listener, of: id(1)) == nil)
    }
    #expect(listeners.tell(notice(4), of: id(1)).sorted() == [1, 2])
    #expect(listeners.tell(notice(4), of: id(2)).isEmpty)
  }

  @Test func `so many listeners, until they leave or are gone`() throws {
    var listeners = JobListeners<Int>(limit: 3)
    for listener in 1...3 { try listeners.add(listener, of: listener == 3 ? 8 : 7, to: id(listener / 2)) }
    // One that is there already is not another.
    try listeners.add(1, of: 7, to: id(0))
    #expect(reason { try listeners.add(4, of: 7, to: id(0)) } == .tooManyListeners)
    listeners.remove(9, from: id(0))
    listeners.remove(1, from: id(1))
    #expect(listeners.count == 3)
    listeners.remove(of: 7)
    #expect(listeners.count == 1)
    #expect(listeners.tell(notice(1), of: id(1)) == [3])
    listeners.remove(3, from: id(1))
    #expect(listeners.count == 0 && listeners.next(3, of: id(1)) == nil)
    #expect(listeners.tell(notice(1), of: id(1)).isEmpty)
  }
}
