import Testing

@testable import AsyncMitogen
@testable import AsyncMitogenDemo

@Suite(.timeLimit(.minutes(1))) struct ServicesCommandTests {
  private func sample(_ seconds: Double, _ count: Int, at start: ContinuousClock.Instant) -> PoolSample {
    var method = PoolStatistics.Method(name: "quick", running: 1, waiting: 2)
    (method.served, method.failed, method.refused, method.cancelled) = (count, 3, 4, 5)
    let service = PoolStatistics.Service(
      name: "Module.Errands", methods: [method, PoolStatistics.Method(name: "never")])
    let statistics = PoolStatistics(size: 16, running: 2, waiting: 7, refused: 10, services: [service])
    return PoolSample(time: start + .seconds(seconds), master: statistics, answers: [:])
  }

  @Test func `a table of counts, with what was done since the last`() {
    let start = ContinuousClock.now
    let report = ServicesReport(
      tree: ContextTree(), current: sample(2, 500, at: start), last: sample(0, 100, at: start))
    let rows = report.lines(on: .output).map { $0.split(separator: " ").map(String.init) }
    #expect(rows.count == 3)
    #expect(rows[1] == ["master", "2", "7", "500", "3", "14", "5", "200"])
    #expect(rows[2] == ["Errands.quick", "1", "2", "500", "3", "4", "5", "200"])
  }

  @Test func `the same for a program`() {
    let start = ContinuousClock.now
    let report = ServicesReport(tree: ContextTree(), current: sample(2, 1, at: start), last: sample(0, 0, at: start))
    #expect(
      report.json.line
        == #"{"pools":[{"context":0,"name":"master","size":16,"running":2,"queued":7,"refused":10,"services":"#
        + #"[{"name":"Module.Errands","methods":[{"name":"quick","running":1,"queued":2,"served":1,"failed":3,"#
        + #""refused":4,"givenUp":5},{"name":"never","running":0,"queued":0,"served":0,"failed":0,"refused":0,"#
        + #""givenUp":0}]}]}]}"#)
    #expect(ServicesReport.shortName("mitogen.service.FileService") == "FileService")
    #expect(ServicesReport.shortName("") == "")
  }

  @Test func `errands end in all ways, here and in the master, until they are called off`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router, services: [Errands(router: router)])
      let child = try await router.local()
      try await child.call(Errands.quick)
      let load = child.callAsync {
        guard let here = ExternalContext.current else { return 0 }
        try await Errands.run(perSecond: 1_000, from: here)
        return 1
      }
      func childs() async throws -> PoolStatistics? {
        try await child.call { () async -> PoolStatistics? in await ExternalContext.current?.router.pool?.statistics }
      }
      func hasAll(_ total: PoolStatistics.Method?) -> Bool {
        guard let total else { return false }
        return total.served > 10 && total.failed > 1 && total.refused > 1
      }
      while await !hasAll(pool.statistics.total) {}
      while try await !hasAll(childs()?.total) {}
      #expect(load.size == 0)
      load.close()
      await until { await pool.statistics.running == 0 }
      await pool.close()
    }
  }
}
