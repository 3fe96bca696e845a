internal import CAsyncMitogen
internal import Synchronization

/// Reads lines from a descriptor as they come, on the lane; the last one too if it has no end.
final class LineReader: ReadinessHandler {
  private let descriptor: FileDescriptor
  private let poller: Poller
  private let splitter = Mutex(LineSplitter(limit: 16_384))
  private let line: @Sendable (String) -> Void

  /// How much is read at once, and in one turn.
  private static let chunkSize = 16_384

  init(descriptor: FileDescriptor, poller: Poller, line: @escaping @Sendable (String) -> Void) {
    self.descriptor = descriptor
    self.poller = poller
    self.line = line
    _ = amt_set_nonblocking(descriptor.number, 1)
  }

  deinit { poller.unregister(descriptor.number) }

  /// Starts to read.
  func start() throws {
    try poller.register(descriptor.number, interest: .readable, keepsAlive: false, handler: self)
  }

  /// Stops reading for a while, or goes on; who writes waits.
  func pause(_ paused: Bool) { poller.setInterest(descriptor.number, paused ? [] : .readable) }

  func ready(_ readiness: Readiness) {
    let (lines, isAtEnd) = readAvailable(limit: 4)
    for line in lines { self.line(line) }
    guard isAtEnd else { return }
    poller.unregister(descriptor.number)
    if let last = splitter.withLock({ $0.finish() }) { line(last) }
  }

  /// Stops, and returns the lines that are still there.
  func finish() -> [String] {
    poller.unregister(descriptor.number)
    let (lines, _) = readAvailable(limit: 64)
    return lines + (splitter.withLock { $0.finish() }.map { [$0] } ?? [])
  }

  private func readAvailable(limit: Int) -> ([String], isAtEnd: Bool) {
    var lines: [String] = []
    for _ in 0..<limit {
      var result = 0
      let chunk = unsafe [UInt8](unsafeUninitializedCapacity: LineReader.chunkSize) { buffer, count in
        result = unsafe amt_read(descriptor.number, buffer.baseAddress, LineReader.chunkSize, nil, 0)
        count = max(0, result)
      }
      guard result > 0 else { return (lines, result == 0) }
      lines += splitter.withLock { $0.lines(chunk) }
    }
    return (lines, false)
  }
}
