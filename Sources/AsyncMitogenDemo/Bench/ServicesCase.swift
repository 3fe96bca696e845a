import AsyncMitogen
import CAsyncMitogenFloor
import Glibc

/// Calls of a child to services of this process, beside calls of functions of the child with the same argument, and
/// beside a write and a read for each.
///
/// One after the other, with both processes on one core, where all that the programs do adds up, and each on its own
/// (unpinned); then with many at once.
enum ServicesCase {
  private static let inFlight = 1000

  static func measure(_ effort: Effort) async throws -> [Figure] {
    try await withRouter { router in
      let pool = Pool(
        router: router,
        services: [
          ConcurrentAdder(router: router), SerializedAdder(router: router), SharedAdder(router: router),
        ])
      let child = try await router.local()
      let process = try await child.call { getpid() }
      let one = try await oneByOne(child, process, effort)
      let many = try await Machine.onTwoCores(with: [process]) { try await manyAtOnce(child, pool, effort) }
      await pool.close()
      return one + many
    }
  }

  // MARK: one after the other

  /// The durations of calls of a function, of a concurrent and of a serialized method, and of a write and a read.
  private struct OneByOne {
    var plain = Series()
    var concurrent = Series()
    var serialized = Series()
    var raw = Series()
  }

  private static func oneByOne(_ child: Context, _ process: pid_t, _ effort: Effort) async throws -> [Figure] {
    let raw = try RawProcesses.start(AMF_ECHO)
    defer { _ = try? raw.stop() }
    let others = raw.identifiers + [process]
    let together = try await Machine.onOneCore {
      for process in others { Machine.place(process, onLastCore: true) }
      return try await compare(child, raw, effort)
    }
    let apart = try await Machine.onTwoCores(with: others) { try await compare(child, raw, effort) }
    return [
      Figure(
        "services/concurrent", Comparison(ours: together.concurrent, floor: together.plain), unit: "µs",
        target: .atMostTimesFloor(1.25)),
      Figure(
        "services/serialized", Comparison(ours: together.serialized, floor: together.plain), unit: "µs",
        target: .atMostTimesFloor(1.43)),
      Figure("services/concurrent/raw", Comparison(ours: together.concurrent, floor: together.raw), unit: "µs"),
      Figure("services/serialized/raw", Comparison(ours: together.serialized, floor: together.raw), unit: "µs"),
      Figure(
        "services/concurrent/unpinned", Comparison(ours: apart.concurrent, floor: apart.raw), unit: "µs",
        target: .atMostTimesFloor(2)),
      Figure(
        "services/serialized/unpinned", Comparison(ours: apart.serialized, floor: apart.raw), unit: "µs",
        target: .atMostTimesFloor(2)),
    ]
  }

  private static func compare(_ child: Context, _ raw: RawProcesses, _ effort: Effort) async throws -> OneByOne {
    let count = effort.of(2_000, quick: 500)
    var all = OneByOne()
    // The first round fills caches and is not counted.
    for round in 0...effort.rounds {
      let plain = try await calls(count, to: child)
      let concurrent = try await child.call(count) { count in try await roundTrips(count, to: ConcurrentAdder.add) }
      let serialized = try await child.call(count) { count in try await roundTrips(count, to: SerializedAdder.add) }
      let floor = try await Floor.measure { try raw.roundTrips(count) }
      guard round > 0 else { continue }
      all.plain.add(plain, per: .microsecond)
      all.concurrent.add(concurrent, per: .microsecond)
      all.serialized.add(serialized, per: .microsecond)
      all.raw.add(floor, per: .microsecond)
    }
    return all
  }

  /// Calls of a function, one after the other.
  private static func calls(_ count: Int, to child: Context) async throws -> [UInt64] {
    var durations: [UInt64] = []
    for number in 0..<count {
      let start = Machine.now
      _ = try await child.call(AddOne(amount: number))
      durations.append(Machine.now - start)
    }
    return durations
  }

  /// Calls of a service of the parent, one after the other.
  private static func roundTrips<Host: Service>(
    _ count: Int, to method: ServiceMethod<Host, AddOne, Int>
  ) async throws -> [UInt64] {
    let master = try parent()
    var durations: [UInt64] = []
    for number in 0..<count {
      let start = Machine.now
      _ = try await master.call(method, AddOne(amount: number))
      durations.append(Machine.now - start)
    }
    return durations
  }

  // MARK: many at once

  private static func manyAtOnce(_ child: Context, _ pool: Pool, _ effort: Effort) async throws -> [Figure] {
    let count = effort.of(10_000, quick: 5_000)
    var (plain, concurrent, serialized, shared) = (Series(), Series(), Series(), Series())
    for round in 0...effort.rounds {
      let nanoseconds = try await (
        timed { try await burst(count) { _ = try await child.call(AddOne(amount: $0)) } },
        child.call(count) { count in try await burst(count, of: ConcurrentAdder.add) },
        child.call(count) { count in try await burst(count, of: SerializedAdder.add) },
        child.call(count, round) { count, round in try await sameAtOnce(count, round) }
      )
      guard round > 0 else { continue }
      let rate = { (duration: UInt64) in Double(count) / Double(duration) * 1e9 }
      plain.add(rate(nanoseconds.0))
      concurrent.add(rate(nanoseconds.1))
      serialized.add(rate(nanoseconds.2))
      shared.add(rate(nanoseconds.3))
    }
    let runs = await pool.service(SharedAdder.self)?.runs ?? 0
    guard runs == effort.rounds + 1 else { throw NotOnce(runs: runs, requests: effort.rounds + 1) }
    return [
      Figure("services/concurrent/1000", Comparison(ours: concurrent, floor: plain), unit: "calls/s"),
      Figure("services/serialized/1000", Comparison(ours: serialized, floor: plain), unit: "calls/s"),
      Figure(
        "services/deduplicated", Comparison(ours: shared, floor: plain), unit: "calls/s",
        target: .atLeastTimesFloor(1)),
    ]
  }

  private static func burst<Host: Service>(
    _ count: Int, of method: ServiceMethod<Host, AddOne, Int>
  ) async throws -> UInt64 {
    let master = try parent()
    return try await timed { try await burst(count) { _ = try await master.call(method, AddOne(amount: $0)) } }
  }

  /// All at once, and all the same: the method runs once.
  private static func sameAtOnce(_ count: Int, _ round: Int) async throws -> UInt64 {
    let master = try parent()
    return try await timed {
      let receivers = (0..<count).map { _ in master.callAsync(SharedAdder.add, AddOne(amount: round)) }
      for receiver in receivers { _ = try await receiver.get() }
    }
  }

  private static func timed(_ body: () async throws -> Void) async throws -> UInt64 {
    let start = Machine.now
    try await body()
    return Machine.now - start
  }

  /// Makes calls from as many tasks as may be under way.
  private static func burst(_ calls: Int, _ call: @escaping @Sendable (Int) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<inFlight {
        group.addTask {
          for number in 0..<calls / inFlight { try await call(caller + number) }
        }
      }
      try await group.waitForAll()
    }
  }

  private static func parent() throws -> Context {
    guard let context = ExternalContext.current else { throw Sibling.NotInAChild() }
    return context.parent
  }

  /// A method that was to run once for many callers ran more often.
  struct NotOnce: Error, CustomStringConvertible {
    let runs: Int
    let requests: Int
    var description: String { "\(runs) executions for \(requests) different requests" }
  }
}

/// What is called, as a function and as a method.
struct AddOne: RemoteFunction {
  var amount: Int
  func callAsFunction() -> Int { amount + 1 }
}

actor ConcurrentAdder: Service {
  init(router: Router) {}
  func add(_ amount: Int) -> Int { amount + 1 }

  static let add = ServiceMethod<ConcurrentAdder, AddOne, Int>("add", policy: .allowAny) {
    $0.add($1.amount)
  }
  static var methods: [AnyServiceMethod<ConcurrentAdder>] { add }
}

actor SerializedAdder: Service {
  init(router: Router) {}
  func add(_ amount: Int) -> Int { amount + 1 }

  static let add = ServiceMethod<SerializedAdder, AddOne, Int>("add", policy: .allowAny) {
    $0.add($1.amount)
  }
  static var methods: [AnyServiceMethod<SerializedAdder>] { add }
  static var invoker: InvokerStrategy { .serialized }
}

actor SharedAdder: Service {
  /// How often the method has run.
  private(set) var runs = 0
  init(router: Router) {}

  func add(_ amount: Int) -> Int {
    runs += 1
    return amount + 1
  }

  static let add = ServiceMethod<SharedAdder, AddOne, Int>("add", policy: .allowAny) {
    $0.add($1.amount)
  }
  static var methods: [AnyServiceMethod<SharedAdder>] { add }
  static var invoker: InvokerStrategy { .deduplicating }
}
