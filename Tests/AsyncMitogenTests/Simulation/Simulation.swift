import Synchronization

@testable import AsyncMitogen

/// A tree of routers in one process, on one thread: what runs next is drawn from a seed, and time is a number.
///
/// Safe to share: a test drives it from one thread, and everything in it runs there; the lock only serves the type
/// checker and whoever would break that rule.
final class Simulation: @unchecked Sendable {
  private(set) var now: UInt64 = 1_000_000_000
  private var generator: SplitMix64
  private(set) var loops: [SimulatedLoop] = []
  private var tasks: [(job: UnownedJob, executor: SimulatedTasks)] = []
  private var timers = TimerHeap()
  /// How many pieces of work have run.
  private(set) var steps = 0
  /// A running digest of every choice, to compare two runs of one seed.
  private(set) var trace: UInt64 = 0
  /// The loop whose lane is held now.
  fileprivate var holder: SimulatedLoop?

  init(seed: UInt64) { generator = SplitMix64(state: seed) }

  func random(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

  func makeLoop() -> SimulatedLoop {
    let loop = SimulatedLoop(simulation: self)
    loops.append(loop)
    return loop
  }

  fileprivate func add(task job: UnownedJob, _ executor: SimulatedTasks) { tasks.append((job, executor)) }

  fileprivate func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> TimerIdentifier {
    timers.schedule(at: now + UInt64(max(0, delay.nanoseconds)), action)
  }

  fileprivate func cancel(_ timer: TimerIdentifier) { timers.cancel(timer) }

  /// Runs until nothing can run any more; false if that takes more than `limit` steps.
  func run(limit: Int = 400_000) -> Bool {
    while steps < limit {
      steps += 1
      let ready = loops.filter(\.hasWork)
      let choices = ready.count + (tasks.isEmpty ? 0 : max(1, ready.count))
      if choices == 0 {
        guard let due = timers.earliest() else { return true }
        now = max(now, due)
        while let action = timers.popDue(at: now) { action() }
        continue
      }
      let choice = random(0...choices - 1)
      trace = (trace ^ UInt64(choice)) &* 0x0000_0100_0000_01b3
      if choice < ready.count {
        ready[choice].runOne()
      } else {
        let (job, executor) = tasks.remove(at: random(0...tasks.count - 1))
        unsafe job.runSynchronously(on: executor.asUnownedTaskExecutor())
      }
    }
    return false
  }
}

/// The loop of one simulated router.
///
/// Safe to share for the reason that its simulation is.
final class SimulatedLoop: EventLoop, @unchecked Sendable {
  let simulation: Simulation
  private var queue: [Work] = []
  private var endOfTurn: [Work] = []
  private let executor: SimulatedLane
  private let taskExecutor: SimulatedTasks

  private enum Work {
    case job(UnownedJob)
    case closure(@Sendable () -> Void)
  }

  fileprivate init(simulation: Simulation) {
    self.simulation = simulation
    executor = SimulatedLane()
    taskExecutor = SimulatedTasks(simulation: simulation)
    executor.loop = self
  }

  var lane: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  var tasks: any TaskExecutor { taskExecutor }
  var now: UInt64 { simulation.now }
  var holdsLane: Bool { simulation.holder === self }
  func enqueue(_ work: @escaping @Sendable () -> Void) { queue.append(.closure(work)) }
  func enqueueAtEndOfTurn(_ work: @escaping @Sendable () -> Void) { endOfTurn.append(.closure(work)) }
  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> TimerIdentifier {
    simulation.schedule(after: delay) { [weak self] in self?.enqueue(action) }
  }
  func cancel(_ timer: TimerIdentifier) { simulation.cancel(timer) }

  fileprivate func add(_ job: UnownedJob) { queue.append(.job(job)) }
  fileprivate var hasWork: Bool { !queue.isEmpty || !endOfTurn.isEmpty }

  /// Runs the first work; what was left for the end of a turn runs when the rest has.
  fileprivate func runOne() {
    simulation.holder = self
    defer { simulation.holder = nil }
    let work = queue.isEmpty ? endOfTurn.removeFirst() : queue.removeFirst()
    switch work {
    case .closure(let closure): closure()
    case .job(let job): unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor())
    }
  }
}

// Safe: set once, before the first work.
private final class SimulatedLane: SerialExecutor, @unchecked Sendable {
  weak var loop: SimulatedLoop?
  func enqueue(_ job: consuming ExecutorJob) { loop?.add(UnownedJob(job)) }
  func isIsolatingCurrentContext() -> Bool? { loop?.holdsLane }
  func checkIsolated() { precondition(loop?.holdsLane == true) }
}

final class SimulatedTasks: TaskExecutor {
  private let simulation: Simulation
  init(simulation: Simulation) { self.simulation = simulation }
  func enqueue(_ job: consuming ExecutorJob) { simulation.add(task: UnownedJob(job), self) }
}

/// A small generator whose sequence is the same everywhere.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
