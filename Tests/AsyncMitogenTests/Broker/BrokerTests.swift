import CAsyncMitogen
import Glibc
import Synchronization
import Testing

@testable import AsyncMitogen

@Suite(.timeLimit(.minutes(1)))
struct BrokerTests {
  private func withBroker<Result>(_ body: (Broker) async throws -> Result) async throws -> Result {
    let broker = try Broker(shutdownTimeout: .seconds(5))
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(broker)) } catch { result = .failure(error) }
    broker.shutdown()
    await broker.join()
    return try result.get()
  }

  private func pipe() throws -> (read: FileDescriptor, write: FileDescriptor) {
    try FileDescriptor.pipe(nonblocking: false)
  }

  private func put(_ bytes: [UInt8], _ descriptor: FileDescriptor) {
    _ = unsafe write(descriptor.number, bytes, bytes.count)
  }

  @Test func `deferred work runs on the broker, and its result comes back`() async throws {
    let broker = try Broker()
    #expect(try await broker.deferSync { broker.core.holdsLane })
    #expect(try await broker.deferSync { 5 } == 5)
    await #expect(throws: Opaque.self) { try await broker.deferSync { throw Opaque() } }
    let order = Mutex<[Int]>([])
    for number in 0..<100 { try broker.defer { order.withLock { $0.append(number) } } }
    // What is deferred on the broker itself runs at once.
    let nested = try await broker.deferSync {
      let ran = Mutex(false)
      try broker.defer { ran.withLock { $0 = true } }
      return ran.withLock { $0 }
    }
    #expect(nested)
    #expect(order.withLock { $0 } == Array(0..<100))
    broker.shutdown()
    broker.shutdown()
    await broker.join()
    #expect(throws: BrokerError.self) { try broker.defer {} }
    await #expect(throws: BrokerError.self) { try await broker.deferSync { 1 } }
    await broker.join()
  }

  @Test func `events, and what a shutdown waits for`() async throws {
    let broker = try Broker(shutdownTimeout: .milliseconds(200))
    let (events, others) = (broker.events, broker.events)
    let (read, write) = try pipe()
    let watched = try broker.readiness(of: read.number, keepsAlive: true)
    #expect(broker.keepAlive)
    let clock = ContinuousClock()
    let start = clock.now
    broker.shutdown()
    await broker.join()
    #expect(start.duration(to: clock.now) >= .milliseconds(200))
    var seen: [BrokerEvent] = []
    for await event in events { seen.append(event) }
    #expect(seen == [.beforeShutdown, .shutdown, .exit])
    seen = []
    for await event in others { seen.append(event) }
    #expect(seen == [.beforeShutdown, .shutdown, .exit])
    withExtendedLifetime((watched, write)) {}
  }

  @Test func `a timer is not early`() async throws {
    try await withBroker { broker in
      let clock = ContinuousClock()
      for milliseconds in [0, 1, 5, 25] {
        let start = clock.now
        await withCheckedContinuation { continuation in
          _ = broker.schedule(after: .milliseconds(milliseconds)) { continuation.resume() }
        }
        #expect(start.duration(to: clock.now) >= .milliseconds(milliseconds))
      }
      var ticks = 0
      for await tick in broker.ticks(every: .milliseconds(2)) {
        #expect(tick > ticks)
        ticks = tick
        if tick >= 3 { break }
      }
    }
  }

  @Test func `readiness and bytes as sequences`() async throws {
    try await withBroker { broker in
      let (read, write) = try pipe()
      put([1], write)
      var count = 0
      for await readiness in try broker.readiness(of: read.number) {
        #expect(readiness.contains(.readable))
        var byte: UInt8 = 0
        _ = unsafe Glibc.read(read.number, &byte, 1)
        #expect(Int(byte) == count + 1)
        count += 1
        if count == 3 { break }
        put([UInt8(count + 1)], write)
      }
      // A second watch of the same descriptor, after the first has ended.
      put(Array(0..<100), write)
      var writer: FileDescriptor? = write
      var received: [UInt8] = []
      let bytes = try broker.bytes(from: read.number, chunkSize: 7)
      _ = consume write
      writer = nil
      for await chunk in bytes {
        #expect(chunk.count <= 7)
        received += chunk
        if received.count == 100 { break }
      }
      #expect(received == Array(0..<100))
      #expect(writer == nil)
    }
  }

  @Test func `waiting for a descriptor can be cancelled`() async throws {
    try await withBroker { broker in
      let (read, write) = try pipe()
      let stream = try broker.readiness(of: read.number)
      let begun = AsyncStream.makeStream(of: Void.self)
      let task = Task {
        begun.continuation.yield()
        for await _ in stream { return true }
        return false
      }
      for await _ in begun.stream { break }
      task.cancel()
      let heard = await task.value
      #expect(!heard)
      #expect(broker.core.poller.table.withLock { $0.count } == 0)
      withExtendedLifetime(write) {}
    }
  }

  @Test func `more than 1,024 descriptors`() async throws {
    _ = amt_raise_descriptor_limit()
    try await withBroker { broker in
      let pipes = try (0..<700).map { _ in try pipe() }
      #expect(pipes.map(\.read.number).max() ?? 0 > 1_024)
      let heard = try await withThrowingTaskGroup(of: Int32.self) { group in
        for pair in pipes {
          let stream = try broker.readiness(of: pair.read.number)
          group.addTask(executorPreference: broker.taskExecutor) {
            for await _ in stream { return pair.read.number }
            return -1
          }
        }
        for pair in pipes { put([1], pair.write) }
        return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
      }
      #expect(heard == Set(pipes.map(\.read.number)))
    }
  }

  @Test func `a task that blocks delays no other, and no actor`() async throws {
    try await withBroker { broker in
      let (read, write) = try pipe()
      let blocked = Task(executorPreference: broker.taskExecutor) {
        var byte: UInt8 = 0
        return unsafe Glibc.read(read.number, &byte, 1)
      }
      // On the broker, so that only its own delays are measured and not those of the default pool.
      let worst = try await Task(executorPreference: broker.taskExecutor) {
        let clock = ContinuousClock()
        var worst = Duration.zero
        for _ in 0..<500 {
          let start = clock.now
          await Task(executorPreference: broker.taskExecutor) {}.value
          _ = try await broker.deferSync { 1 }
          worst = max(worst, start.duration(to: clock.now))
        }
        return worst
      }.value
      print("beside a task that blocks: \(worst) at worst")
      // All of them have run while that one still blocks.
      #expect(worst < .seconds(1))
      put([1], write)
      #expect(await blocked.value == 1)
    }
  }

  @Test func `many tasks that block, up to the limit of threads`() async throws {
    let broker = try Broker(maximumThreads: 20)
    let (read, write) = try pipe()
    let running = Counter()
    let tasks = (0..<60).map { _ in
      Task(executorPreference: broker.taskExecutor) {
        running.add()
        var byte: UInt8 = 0
        return unsafe Glibc.read(read.number, &byte, 1)
      }
    }
    // Whatever blocks, the lane goes on.
    while running.value < 15 { _ = try await broker.deferSync { 1 } }
    #expect(broker.threadCount <= 20)
    #expect(running.value <= 20)
    put([UInt8](repeating: 1, count: 60), write)
    for task in tasks { #expect(await task.value == 1) }
    #expect(running.value == 60)
    broker.shutdown()
    await broker.join()
  }

  @Test func `work from many threads runs exactly once`() async throws {
    try await withBroker { broker in
      let count = Counter()
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            for number in 0..<5_000 {
              if number % 2 == 0 {
                broker.enqueue { count.add() }
              } else {
                Task(executorPreference: broker.taskExecutor) { count.add() }
              }
              if number % 500 == 0 { await Task.yield() }
            }
          }
        }
      }
      while count.value < 40_000 { _ = try await broker.deferSync { 1 } }
      #expect(count.value == 40_000)
    }
  }

  @Test func `a broker that has ended leaves no thread`() async throws {
    let name = "amt-\(UInt32.random(in: 100_000...999_999))"
    let broker = try Broker(name: name, maximumThreads: 8)
    let (read, write) = try pipe()
    let tasks = (0..<4).map { _ in
      Task(executorPreference: broker.taskExecutor) {
        var byte: UInt8 = 0
        return unsafe Glibc.read(read.number, &byte, 1)
      }
    }
    while broker.threadCount < 4 { _ = try await broker.deferSync { 1 } }
    #expect(threads(named: name) >= 4)
    put([1, 2, 3, 4], write)
    for task in tasks { #expect(await task.value == 1) }
    broker.shutdown()
    await broker.join()
    try await eventually { threads(named: name) == 0 }
  }

  /// How many threads of this process have a name.
  private func threads(named name: String) -> Int {
    guard let directory = unsafe opendir("/proc/self/task") else { return -1 }
    defer { unsafe _ = closedir(directory) }
    var count = 0
    while let entry = unsafe readdir(directory) {
      let number = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if Facts.read("/proc/self/task/\(number)/comm") == name + "\n" { count += 1 }
    }
    return count
  }

  @Test func `tasks that are left when the broker ends still run`() async throws {
    let broker = try Broker()
    let waiting = AsyncStream.makeStream(of: Int.self)
    let task = Task(executorPreference: broker.taskExecutor) {
      var sum = 0
      for await value in waiting.stream { sum += value }
      return sum
    }
    broker.shutdown()
    await broker.join()
    waiting.continuation.yield(3)
    waiting.continuation.yield(4)
    waiting.continuation.finish()
    #expect(await task.value == 7)
  }

  @Test func `how a process ended`() async throws {
    try await withBroker { broker in
      func run(_ script: String) async throws -> AsyncMitogen.ExitStatus {
        let nothing = FileDescriptor(unsafe open("/dev/null", O_RDWR | O_CLOEXEC))
        let process = try ChildProcess(
          path: "sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], input: nothing,
          output: nothing, error: nothing, poller: broker.core.poller)
        try process.watch()
        return await withCheckedContinuation { continuation in process.onExit { continuation.resume(returning: $0) } }
      }
      do {
        let status = try await run("exit 0")
        #expect(status == .exited(code: 0))
      }
      do {
        let status = try await run("exit 7")
        #expect(status == .exited(code: 7))
      }
      do {
        let status = try await run("kill -9 $$")
        #expect(status == .signalled(number: 9))
      }
      do {
        let status = try await run("kill -TERM $$")
        #expect(status == .signalled(number: 15))
      }
      let error = #expect(throws: SystemError.self) {
        let nothing = FileDescriptor(unsafe open("/dev/null", O_RDWR | O_CLOEXEC))
        _ = try ChildProcess(
          path: "/nonexistent", arguments: ["x"], environment: [], input: nothing, output: nothing, error: nothing,
          poller: broker.core.poller)
      }
      #expect(error?.code == ENOENT)
    }
  }

  @Test func `an actor's code comes back to its lane after every kind of wait`() async throws {
    try await withBroker { broker in
      let actor = LaneVisitor(broker: broker)
      let found = try await actor.visit()
      #expect(found == 6)
    }
  }
}

/// An actor on a broker's lane that looks where it is after waiting.
@safe private actor LaneVisitor {
  nonisolated let unownedExecutor: UnownedSerialExecutor
  let broker: Broker

  init(broker: Broker) {
    unsafe unownedExecutor = broker.lane
    self.broker = broker
  }

  func visit() async throws -> Int {
    var found = 0
    func look() { if broker.core.holdsLane { found += 1 } }
    await withCheckedContinuation { continuation in Task.detached { continuation.resume() } }
    look()
    try await Task.sleep(for: .milliseconds(1))
    look()
    _ = await Task.detached { 1 }.value
    look()
    async let value = 2
    _ = await value
    look()
    await Task.yield()
    look()
    _ = await withTaskGroup(of: Int.self) { group in
      group.addTask { 1 }
      return await group.next()
    }
    look()
    return found
  }
}

/// Counts from many threads.
final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func add() { count.withLock { $0 += 1 } }
}
