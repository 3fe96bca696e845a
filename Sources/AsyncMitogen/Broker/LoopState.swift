/// A thread of a loop, by the address that the system knows it by.
typealias ThreadIdentifier = UInt

/// What waits on the lane.
enum LaneWork: Sendable {
  /// With the executor that it runs on, which is held until then.
  case job(UnownedJob, LaneExecutor)
  case closure(@Sendable () -> Void)
  case runnable(any LaneRunnable)
}

/// A task that waits, with the executor that it runs on, which is held until then.
struct TaskWork: Sendable {
  let job: UnownedJob
  let executor: WorkExecutor
}

/// What the threads of a loop agree on, under its lock: who leads, what waits, who is free.
///
/// Pure: it decides, and ``LoopCore`` acts on what it says.
struct LoopState: Sendable {
  enum Phase: Sendable {
    case running
    case stopping
    /// Nobody polls any more; what still comes is run by a thread that ends when nothing is left.
    case stopped
  }

  var phase = Phase.running
  var lane = RingBuffer<LaneWork>()
  var tasks = RingBuffer<TaskWork>()
  var timers = TimerHeap()

  /// The thread that polls and holds the lane; nil before the first work and after the last.
  private(set) var leader: ThreadIdentifier?
  /// Whether the leader is asleep in the poller and must be woken.
  var isSleeping = false
  /// When a sleeping leader wakes by itself.
  var wakesAt = UInt64.max
  /// How many threads there are.
  private(set) var threads = 0
  /// The threads that wait for something to do.
  private(set) var idle: [Parker] = []
  /// Whether the leader is inside a task, and may lose the lead.
  var isInTask = false
  /// Whether a thread watches the leader.
  private(set) var hasWatchdog = false
  /// When the leader is to arm the watchdog's timer again, so that it does not run out while tasks come and go.
  private var rearmsAt: UInt64 = 0
  private var lastTaskAt: UInt64 = 0
  /// Whether the last two tasks came one soon after the other.
  private var isBusy = false
  /// What is soon, in nanoseconds.
  private static let busyInterval: UInt64 = 200_000
  let maximumThreads: Int
  /// How long, in nanoseconds, a task keeps the lead at least; at most it is twice as long.
  static let patience: UInt64 = 1_000_000
  let maximumIdle: Int

  init(maximumThreads: Int, maximumIdle: Int = 4) {
    self.maximumThreads = maximumThreads
    self.maximumIdle = maximumIdle
  }

  /// Whether a leader may run a task: only while somebody can take over from it.
  var canRunTasks: Bool { hasWatchdog || !idle.isEmpty || threads < maximumThreads || phase == .stopped }

  // MARK: work that comes

  enum EnqueueAction: Sendable {
    case none
    case wake
    case startLeader
  }

  /// What must be done so that work that was just added runs.
  mutating func noticeWork() -> EnqueueAction {
    if isSleeping {
      isSleeping = false
      return .wake
    }
    guard leader == nil else { return .none }
    // Claimed for the thread that is being started, so that a second caller does not start another.
    leader = 0
    threads += 1
    return .startLeader
  }

  /// The thread that ``EnqueueAction/startLeader`` asked for runs now.
  mutating func becameLeader(_ thread: ThreadIdentifier) { leader = thread }

  // MARK: taking turns

  /// Whether this thread still leads.
  func leads(_ thread: ThreadIdentifier) -> Bool { leader == thread }

  enum WatchAction: Sendable {
    case none
    /// The watchdog's timer is to be armed.
    case arm
    /// As `arm`, and this idle thread becomes the watchdog.
    case wakeAsWatchdog(Parker)
    /// As `arm`, and a new thread becomes the watchdog.
    case startWatchdog
  }

  /// A leader is about to run a task: sees to it that somebody watches.
  ///
  /// The timer is armed for twice the time after which it is armed again. So when it runs out inside a task, that task
  /// began before the last moment to arm it, and has been going on for at least half of the timer's time.
  mutating func watch(now: UInt64) -> WatchAction {
    isBusy = now &- lastTaskAt < LoopState.busyInterval
    lastTaskAt = now
    guard now >= rearmsAt || !hasWatchdog, phase != .stopped else { return .none }
    rearmsAt = now + LoopState.patience
    if hasWatchdog { return .arm }
    hasWatchdog = true
    if let parker = idle.popLast() { return .wakeAsWatchdog(parker) }
    threads += 1
    return .startWatchdog
  }

  /// The watchdog takes the leader's place.
  mutating func takeOver(_ thread: ThreadIdentifier) {
    leader = thread
    isInTask = false
    hasWatchdog = false
    rearmsAt = 0
  }

  /// The timer has run out outside of any task: the next one arms it.
  mutating func timerRanOut() { rearmsAt = 0 }

  /// The leader is about to sleep: says whether the timer is to be disarmed.
  ///
  /// Where one task follows another it goes on running, and is armed again in time. After a task on its own it would
  /// wake the watchdog for nothing, which costs more than two system calls.
  mutating func disarmsBeforeSleep() -> Bool {
    guard !isBusy, rearmsAt != 0 else { return false }
    rearmsAt = 0
    return true
  }

  /// A thread that could not be started is given back.
  mutating func threadFailedToStart(asWatchdog: Bool) {
    threads -= 1
    if asWatchdog {
      hasWatchdog = false
      rearmsAt = 0
    } else {
      leader = nil
    }
  }

  enum RestAction: Sendable {
    /// Waits until it is woken.
    case park
    /// Waits until it is woken, and the leader must be woken first: it may run tasks again.
    case parkAndWakeLeader
    case end
  }

  /// A thread has nothing to do any more: it led, and has lost the lead, or was woken for nothing.
  mutating func rest(_ parker: Parker) -> RestAction {
    guard phase != .stopped, idle.count < maximumIdle || threads >= maximumThreads else {
      threads -= 1
      return .end
    }
    idle.append(parker)
    if isSleeping, !tasks.isEmpty {
      isSleeping = false
      return .parkAndWakeLeader
    }
    return .park
  }

  /// The leader ends, since the loop stopped and nothing is left; says who is to be woken so that it ends too.
  mutating func leaderEnded() -> [Parker] {
    leader = nil
    threads -= 1
    defer { idle.removeAll() }
    return idle
  }

  /// A parked thread was woken because the loop stopped.
  mutating func idleEnded() { threads -= 1 }

  /// The watchdog ends with the loop.
  mutating func watchdogEnded() {
    hasWatchdog = false
    threads -= 1
  }
}
