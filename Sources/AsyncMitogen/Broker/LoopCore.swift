internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// The threads of a loop: one leads, which polls, holds the lane and runs tasks one by one; when it has been inside one
/// task for one to two milliseconds, the watchdog takes the lead, and the thread that is left behind rests when its task ends.
///
/// Safe to share: what changes is under `state`'s lock or atomic, or only touched with the lane held.
final class LoopCore: @unchecked Sendable {
  private let state: Mutex<LoopState>
  let poller: Poller
  private let watchdogTimer: FileDescriptor
  /// The thread that holds the lane, 0 if none.
  private let laneHolder = Atomic<ThreadIdentifier>(0)
  /// Where the time goes; nil unless somebody wants to know.
  let profile: LoopProfile?
  private let name: String
  // Only touched with the lane held.
  private var endOfTurn: [LaneWork] = []
  private var endOfTurnSpare: [LaneWork] = []
  /// Called once the leader has ended after ``stop()``.
  private let stopped = Mutex<[@Sendable () -> Void]>([])

  /// How many tasks run between two looks at the descriptors, and how long they may take together, in nanoseconds.
  private static let tasksPerTurn = 32
  private static let turnLength: UInt64 = 100_000

  init(name: String, maximumThreads: Int, profiling: Bool = false) throws(SystemError) {
    self.name = name
    profile = profiling ? LoopProfile() : nil
    state = Mutex(LoopState(maximumThreads: maximumThreads))
    poller = try Poller()
    watchdogTimer = FileDescriptor(try SystemError.check("timerfd_create", amt_timerfd()))
  }

  /// Whether the calling thread holds the lane.
  var holdsLane: Bool { laneHolder.load(ordering: .relaxed) == LoopCore.currentThread }

  /// How many threads the loop has now.
  var threadCount: Int { state.withLock { $0.threads } }

  /// Whether the loop has ended, or is about to.
  var isStopping: Bool { state.withLock { $0.phase != .running } }

  private static var currentThread: ThreadIdentifier { UInt(pthread_self()) }

  // MARK: work that comes

  func enqueue(lane work: LaneWork) {
    let action = state.withLock { state in
      state.lane.append(work)
      return state.noticeWork()
    }
    perform(action)
  }

  func enqueue(task: TaskWork) {
    let action = state.withLock { state in
      state.tasks.append(task)
      return state.noticeWork()
    }
    perform(action)
  }

  func enqueueAtEndOfTurn(_ work: LaneWork) { endOfTurn.append(work) }

  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> TimerIdentifier {
    let nanoseconds = UInt64(max(0, delay.nanoseconds))
    let (due, overflow) = amt_monotonic_nanoseconds().addingReportingOverflow(nanoseconds)
    let (timer, next) = state.withLock { state -> (TimerIdentifier, LoopState.EnqueueAction) in
      let timer = state.timers.schedule(at: overflow ? .max : due, action)
      if state.isSleeping && due < state.wakesAt || state.leader == nil { return (timer, state.noticeWork()) }
      return (timer, .none)
    }
    perform(next)
    return timer
  }

  func cancel(_ timer: TimerIdentifier) { state.withLock { _ = $0.timers.cancel(timer) } }

  private func perform(_ action: LoopState.EnqueueAction) {
    switch action {
    case .none: break
    case .wake: poller.wake()
    case .startLeader: startThread(watchdog: false)
    }
  }

  // MARK: the end

  /// Ends the loop once what is runnable has run; `completion` is called when its leader has ended.
  func stop(_ completion: @escaping @Sendable () -> Void) {
    let action = state.withLock { state -> LoopState.EnqueueAction? in
      guard state.phase != .stopped else { return nil }
      state.phase = .stopping
      stopped.withLock { $0.append(completion) }
      return state.noticeWork()
    }
    if let action { perform(action) } else { completion() }
  }

  // MARK: threads

  private final class ThreadStart: Sendable {
    let core: LoopCore
    let isWatchdog: Bool

    init(core: LoopCore, isWatchdog: Bool) {
      self.core = core
      self.isWatchdog = isWatchdog
    }
  }

  private func startThread(watchdog: Bool) {
    let start = unsafe Unmanaged.passRetained(ThreadStart(core: self, isWatchdog: watchdog))
    let failure = unsafe amt_thread(
      name,
      { argument in
        guard let argument = unsafe argument else { return }
        let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
        start.core.threadMain(isWatchdog: start.isWatchdog)
      }, start.toOpaque())
    guard failure != 0 else { return }
    unsafe start.release()
    // Without a thread for the lead nothing can run: the next work tries again. Without a watchdog tasks wait.
    state.withLock { $0.threadFailedToStart(asWatchdog: watchdog) }
  }

  private func threadMain(isWatchdog: Bool) {
    let me = LoopCore.currentThread
    let parker = Parker()
    var leads = !isWatchdog
    if leads { state.withLock { $0.becameLeader(me) } }
    while true {
      if leads || watch(me) {
        if lead(me) { return finish() }
      } else {
        return
      }
      leads = false
      switch state.withLock({ $0.rest(parker) }) {
      case .end: return
      case .parkAndWakeLeader: poller.wake()
      case .park: break
      }
      parker.park()
      guard
        state.withLock({ state in
          guard state.phase == .stopped else { return true }
          state.idleEnded()
          return false
        })
      else { return }
    }
  }

  /// Watches the leader; true when this thread is to lead, false when it is to end.
  private func watch(_ me: ThreadIdentifier) -> Bool {
    while true {
      var expirations: UInt64 = 0
      _ = unsafe read(watchdogTimer.number, &expirations, 8)
      let verdict = state.withLock { state -> Bool? in
        if state.phase == .stopped {
          state.watchdogEnded()
          return false
        }
        guard state.isInTask else {
          state.timerRanOut()
          return nil
        }
        state.takeOver(me)
        return true
      }
      if let verdict { return verdict }
    }
  }

  private func perform(_ action: LoopState.WatchAction) {
    switch action {
    case .none: return
    case .arm: break
    case .wakeAsWatchdog(let parker): parker.wake()
    case .startWatchdog: startThread(watchdog: true)
    }
    _ = amt_timerfd_arm(watchdogTimer.number, Int64(2 * LoopState.patience))
  }

  /// Leads until the lead is lost (false) or the loop has ended (true).
  private func lead(_ me: ThreadIdentifier) -> Bool {
    profile?.begin()
    while true {
      laneHolder.store(me, ordering: .relaxed)
      runLane()
      profile?.lap(.lane)
      // What runs on the lane now may leave more for the end of the turn: nothing may wait while the leader sleeps.
      while !endOfTurn.isEmpty {
        runEndOfTurn()
        runLane()
        profile?.lap(.writing)
      }
      let timeout = state.withLock { $0.pollTimeout(now: amt_monotonic_nanoseconds) }
      guard let timeout else {
        laneHolder.store(0, ordering: .relaxed)
        return true
      }
      if timeout.nanoseconds != 0, timeout.disarms { _ = amt_timerfd_arm(watchdogTimer.number, 0) }
      // Awake: what handlers enqueue needs nobody to be woken for it.
      poller.poll(nanoseconds: timeout.nanoseconds) {
        if timeout.nanoseconds != 0 { state.withLock { $0.isSleeping = false } }
        profile?.lap(.asleep)
      }
      profile?.lap(.reading)
      if timeout.hasTimers {
        runTimers()
        profile?.lap(.timers)
      }
      runLane()
      profile?.lap(.lane)
      laneHolder.store(0, ordering: .relaxed)
      let leads = runTasks(me)
      profile?.lap(.tasks)
      guard leads else { return false }
    }
  }

  private func runLane() {
    while let work = state.withLock({ $0.lane.popFirst() }) { run(work) }
  }

  private func run(_ work: LaneWork) {
    switch work {
    case .closure(let closure): closure()
    case .runnable(let runnable): runnable.runOnLane()
    case .job(let job, let executor): unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor())
    }
  }

  private func runEndOfTurn() {
    swap(&endOfTurn, &endOfTurnSpare)
    for work in endOfTurnSpare { run(work) }
    endOfTurnSpare.removeAll(keepingCapacity: true)
  }

  private func runTimers() {
    let now = amt_monotonic_nanoseconds()
    while let action = state.withLock({ $0.timers.popDue(at: now) }) { action() }
  }

  private enum NextStep {
    case none
    case lost
    case lane
    case task(TaskWork, LoopState.WatchAction)
  }

  /// Runs tasks that wait, as many as belong to a turn, and on the lane what they leave there; false if the lead was lost
  /// in one.
  ///
  /// What is written in between stays for the end of the turn: many messages, one system call.
  private func runTasks(_ me: ThreadIdentifier) -> Bool {
    var count = 0
    var end: UInt64 = 0
    while true {
      let next = state.withLock { state -> NextStep in
        guard state.leads(me) else { return .lost }
        // Between tasks nobody takes over, since this thread holds or is about to hold the lane.
        state.isInTask = false
        guard count < LoopCore.tasksPerTurn, state.canRunTasks else { return .none }
        if count > 0, !state.lane.isEmpty { return .lane }
        guard !state.tasks.isEmpty else { return .none }
        let now = amt_monotonic_nanoseconds()
        if count == 0 { end = now + LoopCore.turnLength }
        guard now < end, let task = state.tasks.popFirst() else { return .none }
        state.isInTask = true
        return .task(task, state.watch(now: now))
      }
      switch next {
      case .none: return true
      case .lost: return false
      case .lane:
        laneHolder.store(me, ordering: .relaxed)
        runLane()
        laneHolder.store(0, ordering: .relaxed)
      case .task(let task, let watch):
        count += 1
        perform(watch)
        unsafe task.job.runSynchronously(on: task.executor.asUnownedTaskExecutor())
      }
    }
  }

  /// The leader ends with the loop, and whoever waits for that is told.
  private func finish() {
    let idle = state.withLock { $0.leaderEnded() }
    for parker in idle { parker.wake() }
    _ = amt_timerfd_arm(watchdogTimer.number, 1)
    let completions = stopped.withLock { completions in
      defer { completions.removeAll() }
      return completions
    }
    for completion in completions { completion() }
  }
}

extension LoopState {
  /// How long the leader may sleep, in nanoseconds, negative for ever; nil if the loop has ended and nothing is left.
  fileprivate mutating func pollTimeout(now: () -> UInt64) -> (
    nanoseconds: Int64, hasTimers: Bool, disarms: Bool
  )? {
    if !lane.isEmpty || !tasks.isEmpty && canRunTasks { return (0, timers.count > 0, false) }
    if phase != .running {
      phase = .stopped
      timers.removeAll()
      if tasks.isEmpty { return nil }
      return (0, false, false)
    }
    isSleeping = true
    guard let due = timers.earliest() else {
      wakesAt = .max
      return (-1, false, disarmsBeforeSleep())
    }
    wakesAt = due
    let current = now()
    guard due > current else {
      isSleeping = false
      return (0, true, false)
    }
    return (Int64(clamping: due - current), true, disarmsBeforeSleep())
  }
}
