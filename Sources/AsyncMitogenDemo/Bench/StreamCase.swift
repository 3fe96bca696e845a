import AsyncMitogen
import CAsyncMitogenFloor
import Glibc

/// A gibibyte from a child to its parent: on two cores, where the one can write while the other reads, and on one.
enum StreamCase {
  private static let chunk = 128 * 1024

  static func measure(_ effort: Effort) async throws -> [Figure] {
    let together = try await Machine.onOneCore { try await compare(effort) { _, body in try await body() } }
    let apart = try await compare(effort) { try await Machine.onTwoCores(with: $0, $1) }
    return [
      Figure("stream", apart, unit: "MB/s", target: .atLeastTimesFloor(0.6)),
      Figure("stream/one-core", together, unit: "MB/s"),
    ]
  }

  private static func compare(
    _ effort: Effort, placed: ([pid_t], () async throws -> Comparison) async throws -> Comparison
  ) async throws -> Comparison {
    let bytes = effort.of(1024, quick: 128) * 1024 * 1024
    return try await withRouter { router in
      let child = try await router.local()
      let raw = try RawProcesses.start(AMF_SOURCE)
      defer { _ = try? raw.stop() }
      let process = try await child.call { getpid() }
      return try await placed(raw.identifiers + [process]) {
        var rate = Comparison()
        // The first round, not counted, is also the first to touch the memory that the kernel keeps for sockets.
        for round in 0...effort.of(5, quick: 3) {
          let ours = try await receive(bytes, from: child, router: router)
          let floor = try await Floor.measure { try raw.receive(bytes, chunk: chunk) }
          guard round > 0 else { continue }
          rate.ours.add(Double(bytes) / Double(ours) * 1e3)
          rate.floor.add(Double(bytes) / Double(floor) * 1e3)
        }
        return rate
      }
    }
  }

  private static func receive(_ bytes: Int, from child: Context, router: Router) async throws -> UInt64 {
    let receiver = Receiver<[UInt8]>(router: router)
    defer { receiver.close() }
    let start = Machine.now
    let sent = child.callAsync(receiver.sender, bytes / chunk, chunk) { sender, count, size in
      let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: size)
      for _ in 0..<count { try await sender.send(bytes) }
      return count
    }
    var left = bytes
    for try await chunk in receiver {
      left -= chunk.count
      if left <= 0 { break }
    }
    let duration = Machine.now - start
    _ = try await sent.get()
    return duration
  }
}
