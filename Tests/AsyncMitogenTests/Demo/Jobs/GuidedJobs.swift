import Glibc

@testable import AsyncMitogen
@testable import AsyncMitogenDemo

/// A job that does what it is told by the test.
struct Guided: Job {
  typealias Update = Int
  typealias Output = String

  /// Where in the master it says that it is there.
  var handle: Handle
  /// Makes the job as large as wanted.
  var ballast: [UInt8] = []

  enum Order: Codable, Sendable {
    case push(Int)
    case succeed(String)
    case fail
    case die
    /// Keeps its thread for ever, and hears of nothing.
    case block
  }

  /// Who came, with what it is called, which process it is, and where it takes orders.
  struct Arrival: Codable, Sendable {
    var id: JobID
    var context: Context
    var processID: Int32
    var orders: Sender<Order>
  }

  func run(_ channel: JobChannel<Guided>) async throws -> String {
    guard let here = ExternalContext.current else { throw Opaque() }
    let orders = Receiver<Order>(router: here.router)
    let arrival = Arrival(
      id: channel.id, context: here.router.context(here.router.contextID), processID: getpid(), orders: orders.sender)
    try Sender<Arrival>(context: here.master, handle: handle).post(arrival)
    for try await order in orders {
      switch order {
      case .push(let number): try await channel.push(number)
      case .succeed(let text): return text
      case .fail: throw DiskFull(device: "sdj")
      case .die: kill(getpid(), SIGKILL)
      case .block: while true { sleep(1_000) }
      }
    }
    return ""
  }
}

/// A job that talks as much as it can.
struct Talkative: Job {
  var count: Int
  var size: Int

  func run(_ channel: JobChannel<Talkative>) async throws -> Int {
    for number in 1...count {
      try await channel.push([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size))
    }
    return count
  }

  typealias Update = [UInt8]
}

/// The test's end of guided jobs.
struct JobGuide {
  let receiver: Receiver<Guided.Arrival>
  let job: Guided

  init(_ router: Router) throws {
    receiver = Receiver(router: router)
    guard let handle = receiver.handle else { throw Opaque() }
    job = Guided(handle: handle)
  }

  /// Waits until a job has come.
  func next() async throws -> Guided.Arrival { try await receiver.get(timeout: .seconds(30)) }
}

/// A task that waits for a result; on the broker, for other tests may keep the default executor busy.
func waiting<Work: Job>(for job: StartedJob<Work>, on router: Router) -> Task<Work.Output, any Error> {
  Task(executorPreference: router.loop.tasks) { try await job.result(on: router) }
}

extension JobReport.State {
  var isRunning: Bool { if case .running = self { true } else { false } }
}

/// A service in this process, where it can be looked at.
func withJobService(
  _ limits: JobLimits = JobLimits(), _ body: (Router, JobService, JobGuide) async throws -> Void
) async throws {
  try await withRouter { router in
    let service = JobService(router: router, limits: limits)
    let pool = Pool(router: router, services: [service])
    try await body(router, service, JobGuide(router))
    await pool.close()
  }
}
