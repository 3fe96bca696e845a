import AsyncMitogen
import Glibc

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
    return [
      Figure("files", one, unit: "MB/s", target: .atLeastTimesFloor(0.7)),
      Figure("files/3hops", three, unit: "MB/s", target: .atLeastTimesFloor(0.5)),
      Figure("files/memory", value: memory, unit: "MB", target: .atMost(32), count: 1),
      Figure("files/3hops/memory", value: relayed, unit: "MB", target: .atMost(32), count: 3),
    ]
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
