import Glibc
import Testing

@testable import AsyncMitogen

/// Where processes spent their time.
@Suite(.timeLimit(.minutes(1)))
struct ProfilingTests {
  @Test func `a process reports at its end, and those below it do`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      try await child.call(sandbox.path) { path in
        Observing.useDirectory(path)
        let router = try Observing.router()
        let profiled = try await router.local(profiling: true)
        let below = try await router.local(via: profiled)
        for _ in 0..<5 { _ = try await profiled.call(Add(left: 1, right: 2)) }
        _ = try await profiled.call(Tally.add, .init(amount: 1))
        try await below.call { _ = usleep(20_000) }
        try await profiled.shutdown()
      }
    }
    let files = try await Observing.wait(for: "mitogen.stats.", count: 2, in: sandbox.path)
    #expect(files.count == 2 && files.allSatisfy { $0.contains(".context-") })
    let texts = files.compactMap { Facts.read($0) }
    let upper = try #require(texts.first { $0.contains("AsyncMitogenTests.Add") })
    let row = try #require(upper.split(separator: "\n").first { $0.hasSuffix("AsyncMitogenTests.Add") })
    #expect(row.split(separator: " ").first == "5")
    #expect(upper.contains("Tally.add") && upper.contains("mitogen.parent._proxy_connect"))
    #expect(upper.contains("asleep") && upper.contains("calls and other tasks"))
    let lower = try #require(texts.first { !$0.contains("AsyncMitogenTests.Add") })
    let slept = try #require(lower.split(separator: "\n").first { $0.contains("closure at 0x") })
    let milliseconds = slept.split(separator: " ").dropFirst().first.flatMap { Double($0) }
    #expect(milliseconds.map { $0 >= 20 } == true, "\(slept)")
  }

  @Test func `nothing is measured unless it is wanted`() async throws {
    try await withRouter { router in
      #expect(router.callProfile == nil && router.broker?.core.profile == nil)
    }
  }

  @Test func `names have a limit`() {
    let profile = CallProfile(limit: 2)
    for name in ["a", "b", "c", "d", "a"] { profile.add(name, nanoseconds: 10) }
    #expect(profile.sorted.map(\.name) == ["(others)", "a", "b"])
    #expect(profile.sorted[0].entry == CallProfile.Entry(count: 2, total: 20, longest: 10))
  }

  @Test func `the report adds up`() {
    var times = LoopProfile.Times()
    times.nanoseconds[LoopProfile.Phase.asleep.rawValue] = 750_000_000
    times.nanoseconds[LoopProfile.Phase.tasks.rawValue] = 250_000_000
    times.counts[LoopProfile.Phase.tasks.rawValue] = 3
    let report = ProfileReport(
      title: "context 3", elapsed: 1_000_000_000, user: 2_000_000, system: 0, loop: times,
      calls: [("a\nb", CallProfile.Entry(count: 2, total: 3_000_000, longest: 2_500_000))])
    let lines = report.text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(lines[1] == "elapsed 1.000 s, user 0.002 s, system 0.000 s")
    #expect(lines.contains("0 750.000 ms 75.0 % asleep") && lines.contains("3 250.000 ms 25.0 % calls and other tasks"))
    #expect(lines.contains("2 3.000 ms 1.500 ms 2.500 ms a\u{FFFD}b"))
  }
}
