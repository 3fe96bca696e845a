internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// Runs a program for what it prints.
enum ProgramOutput {
  /// How much is kept of what it prints.
  private static let limit = 65_536

  /// Runs a program with nothing to read; returns what it printed on both outputs, and how it ended.
  ///
  /// - Throws: An error that names the system call, ``TimeoutError`` or `CancellationError`; the program is killed then.
  static func run(
    _ words: [String], timeout: Duration, broker: Broker
  ) async throws -> (output: String, status: ExitStatus) {
    let (process, read) = try start(words, broker)
    return try await withThrowingTaskGroup(of: (String, ExitStatus)?.self) { group in
      group.addTask {
        let output = try await text(from: read, broker)
        return (output, await end(of: process, broker))
      }
      group.addTask {
        try await Task.sleep(for: timeout)
        return nil
      }
      defer {
        group.cancelAll()
        process.signal(SIGKILL)
      }
      guard let first = try await group.next(), let result = first else {
        throw TimeoutError("the output of \(words[0])", timeout: timeout)
      }
      return result
    }
  }

  /// Starts it; its own end of what it prints is closed here, or there would be no end.
  private static func start(_ words: [String], _ broker: Broker) throws -> (ChildProcess, FileDescriptor) {
    let (read, write) = try FileDescriptor.pipe(nonblocking: false)
    let nothing = try FileDescriptor.nothing()
    let process = try ChildProcess(
      path: words[0], arguments: words, environment: HostFacts.environment, input: nothing, output: write,
      error: write, poller: broker.core.poller)
    return (process, read)
  }

  private static func text(from descriptor: FileDescriptor, _ broker: Broker) async throws -> String {
    _ = amt_set_nonblocking(descriptor.number, 1)
    var bytes: [UInt8] = []
    for await chunk in try broker.bytes(from: descriptor.number) where bytes.count < limit {
      bytes += chunk.prefix(limit - bytes.count)
    }
    try Task.checkCancellation()
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func end(of process: ChildProcess, _ broker: Broker) async -> ExitStatus {
    await withCheckedContinuation { continuation in
      broker.enqueue {
        process.onExit { continuation.resume(returning: $0) }
        do { try process.watch() } catch { process.ready(.readable) }
      }
    }
  }
}
