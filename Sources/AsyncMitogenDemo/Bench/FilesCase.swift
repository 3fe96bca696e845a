import AsyncMitogen
import Glibc
import Synchronization

/// A gibibyte from a file of a child to a file here, both in memory: with its digest taken at both ends, in place only
/// when it is right. The floor copies as many bytes through a socket, and checks nothing.
enum FilesCase {
  private static let chunk = 128 * 1024

  static func measure(_ effort: Effort) async throws -> [Figure] {
    let bytes = effort.of(1024, quick: 128) * 1024 * 1024
    let scratch = try Scratch(bytes)
    defer { scratch.remove() }
    let (one, memory) = try await compare(scratch, bytes, hops: 1, effort)
    let (three, relayed) = try await compare(scratch, bytes, hops: 3, effort)
    let calls = try await callsBeside(effort)
    return [
      Figure("files", one, unit: "MB/s", target: .atLeastTimesFloor(0.7)),
      Figure("files/3hops", three, unit: "MB/s", target: .atLeastTimesFloor(0.5)),
      Figure("files/memory", value: memory, unit: "MB", target: .atMost(32), count: 1),
      Figure("files/3hops/memory", value: relayed, unit: "MB", target: .atMost(32), count: 3),
      Figure(
        "files/call/p99", value: calls.ours.percentile99, unit: "µs", floor: calls.floor.percentile99,
        target: .atMostTimesFloor(5), count: calls.ours.count),
      Figure("files/call", calls, unit: "µs"),
    ]
  }

  /// How long calls take while a file of 4 GiB comes over the same link; the floor is the same calls without it.
  ///
  /// The file has nothing in it but its length, and is not kept: a disk would be what is measured.
  private static func callsBeside(_ effort: Effort) async throws -> Comparison {
    let scratch = try Scratch(0)
    defer { scratch.remove() }
    guard unsafe truncate(scratch.source, off_t(effort.of(4_096, quick: 512)) << 20) == 0 else {
      throw FloorError(operation: "truncate \(scratch.source)", code: errno)
    }
    return try await withRouter { router in
      let child = try await router.local()
      let count = effort.of(4_000, quick: 1_000)
      var comparison = Comparison()
      for round in 0...effort.of(3, quick: 1) {
        let idle = try await calls(child) { $0 == count }
        let isOver = Mutex(false)
        let reading = Task {
          defer { isOver.withLock { $0 = true } }
          for try await _ in try await FileService.fetch(scratch.source, from: child) {}
        }
        let busy = try await calls(child) { _ in isOver.withLock { $0 } }
        try await reading.value
        guard round > 0 else { continue }
        comparison.floor.add(idle, per: .microsecond)
        comparison.ours.add(busy, per: .microsecond)
      }
      return comparison
    }
  }

  private static func calls(_ child: Context, until isEnough: (Int) -> Bool) async throws -> [UInt64] {
    var durations: [UInt64] = []
    while !isEnough(durations.count) {
      let start = Machine.now
      _ = try await child.call { 1 }
      durations.append(Machine.now - start)
    }
    return durations
  }

  /// The rates, and the most memory that any of the children ever had.
  private static func compare(
    _ scratch: Scratch, _ bytes: Int, hops: Int, _ effort: Effort
  ) async throws -> (Comparison, Double) {
    try await withRouter { router in
      var child = try await router.local()
      var processes = [try await child.call { getpid() }]
      for _ in 1..<hops {
        child = try await router.local(via: child)
        processes.append(try await child.call { getpid() })
      }
      let raw = try RawProcesses.startSending(scratch.source)
      defer { _ = try? raw.stop() }
      // With more than two processes the scheduler knows best.
      if hops == 1 { for process in processes + raw.identifiers { Machine.place(process, onLastCore: true) } }
      Machine.place(getpid(), onLastCore: hops == 1 ? false : nil)
      defer { Machine.place(getpid(), onLastCore: nil) }
      var rate = Comparison()
      for round in 0...effort.of(3, quick: 2) {
        let start = Machine.now
        try await FileService.get(scratch.source, from: child, to: scratch.target)
        let ours = Machine.now - start
        _ = unsafe unlink(scratch.target)
        let floor = try await Floor.measure { try raw.copyFile(bytes, chunk: chunk, to: scratch.target) }
        _ = unsafe unlink(scratch.target)
        guard round > 0 else { continue }
        rate.ours.add(Double(bytes) / Double(ours) * 1e3)
        rate.floor.add(Double(bytes) / Double(floor) * 1e3)
      }
      return (rate, processes.map(Machine.peakMegabytes).max() ?? 0)
    }
  }
}

/// The files of a round, in memory where there is such a place: a disk would be what is measured.
private struct Scratch {
  let source: String
  let target: String

  init(_ bytes: Int) throws {
    let directory = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    source = "\(directory)/async-mitogen-bench-\(getpid())"
    target = source + ".copy"
    let number = unsafe open(source, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw FloorError(operation: "open \(source)", code: errno) }
    defer { close(number) }
    let piece = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    for _ in 0..<bytes / piece.count {
      guard unsafe write(number, piece, piece.count) == piece.count else {
        let error = FloorError(operation: "write \(source)", code: errno)
        remove()
        throw error
      }
    }
  }

  func remove() {
    _ = unsafe unlink(source)
    _ = unsafe unlink(target)
  }
}
