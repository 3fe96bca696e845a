import AsyncMitogen
import CAsyncMitogenFloor

/// A gibibyte from a child to its parent.
enum StreamCase {
  private static let chunk = 128 * 1024

  static func measure(_ effort: Effort) async throws -> [Figure] {
    let bytes = effort.of(1024, quick: 128) * 1024 * 1024
    return try await withRouter { router in
      let child = try await router.local()
      let raw = try RawProcesses.start(AMF_SOURCE)
      defer { _ = try? raw.stop() }
      var rate = Comparison()
      for _ in 0..<effort.of(5, quick: 3) {
        let ours = try await receive(bytes, from: child, router: router)
        let floor = try await Floor.measure { try raw.receive(bytes, chunk: chunk) }
        rate.ours.add(Double(bytes) / Double(ours) * 1e3)
        rate.floor.add(Double(bytes) / Double(floor) * 1e3)
      }
      return [Figure("stream", rate, unit: "MB/s", target: .atLeastTimesFloor(0.6))]
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
