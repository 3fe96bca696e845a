internal import AsyncMitogen

/// `services`: prints what the service pools of all targets do, again and again.
struct ServicesCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let services: ServicesOptions

  /// How long the first table lets wait at most.
  private static let firstSample = Duration.milliseconds(500)
  /// How long a target may take to answer.
  private static let patience = Duration.seconds(3)

  func run() async throws -> Int32 {
    var timeline = Timeline()
    let isComplete = try await JoinedTree.with(options.targets) { router in
      let pool = Pool(router: router, services: [Errands(router: router)])
      let tree = try await ProgressLine.showing { progress in
        try await ContextTree.start(options, targets: targets, on: router, timeline: &timeline, progress: progress)
      }
      // The first call makes the pool of a target.
      _ = try await tree.answers(of: tree.members.map { $0.context.callAsync(Errands.quick) })
      // As long as somebody holds their ends.
      let load = services.load == 0 ? [] : tree.members.map { startLoad(in: $0.context) }
      defer { for call in load { call.close() } }
      return try await show(tree, pool)
    }
    return isComplete ? ExitCode.success : ExitCode.failure
  }

  private func startLoad(in context: Context) -> Receiver<Bool> {
    context.callAsync(services.load) { rate in
      guard let here = ExternalContext.current else { return false }
      try await Errands.run(perSecond: rate, from: here)
      return true
    }
  }

  /// Prints tables until there are enough, or no target is left; returns whether the last one told of all targets.
  private func show(_ tree: ContextTree, _ pool: Pool) async throws -> Bool {
    var table = LiveTable(stream: .output)
    var lost: ContextTree.Answers<PoolStatistics> = [:]
    var last = try await sample(tree, pool, &lost)
    var shown = 0
    while shown < services.pace.count ?? (StandardStream.output.isDecorated ? .max : 1) {
      let pause = shown == 0 ? min(services.pace.interval, ServicesCommand.firstSample) : services.pace.interval
      try await Task.sleep(until: last.time + pause, clock: .continuous)
      let current = try await sample(tree, pool, &lost)
      let report = ServicesReport(tree: tree, current: current, last: last)
      if options.json {
        try StandardStream.output.write(lines: [report.json.line])
      } else {
        try table.show(report.lines(on: .output))
      }
      last = current
      shown += 1
      if lost.count == tree.members.count { break }
    }
    return tree.failures.isEmpty && last.isComplete
  }

  /// Asks all pools; those of contexts that are gone are not asked again.
  private func sample(
    _ tree: ContextTree, _ pool: Pool, _ lost: inout ContextTree.Answers<PoolStatistics>
  ) async throws -> PoolSample {
    let calls = tree.members.filter { lost[$0.context.id] == nil }.map { node in
      node.context.callAsync(timeout: ServicesCommand.patience) {
        guard let pool = ExternalContext.current?.router.pool else { throw ServiceError("there is no service pool") }
        return await pool.statistics
      }
    }
    let answers = try await tree.answers(of: calls)
    for case (let id, .failure(let error as ChannelError)) in answers { lost[id] = .failure(error) }
    return PoolSample(
      time: .now, master: await pool.statistics, answers: answers.merging(lost) { answer, _ in answer })
  }
}

/// What all pools have done at one moment.
struct PoolSample {
  let time: ContinuousClock.Instant
  let master: PoolStatistics
  /// Those of the targets.
  let answers: ContextTree.Answers<PoolStatistics>

  var isComplete: Bool { answers.values.allSatisfy { (try? $0.get()) != nil } }
}
