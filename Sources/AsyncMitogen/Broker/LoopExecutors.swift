/// The face of a loop that its actors see: jobs run one at a time, whichever of the loop's threads has the lane.
final class LaneExecutor: SerialExecutor {
  let core: LoopCore

  init(core: LoopCore) { self.core = core }

  func enqueue(_ job: consuming ExecutorJob) { core.enqueue(lane: .job(UnownedJob(job), self)) }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

  func isIsolatingCurrentContext() -> Bool? { core.holdsLane }

  func checkIsolated() { precondition(core.holdsLane, "not on the lane of this broker") }
}

/// The face of a loop that calls and other user code see: jobs may block, and delay only themselves.
final class WorkExecutor: TaskExecutor {
  let core: LoopCore

  init(core: LoopCore) { self.core = core }

  func enqueue(_ job: consuming ExecutorJob) { core.enqueue(task: TaskWork(job: UnownedJob(job), executor: self)) }
}
