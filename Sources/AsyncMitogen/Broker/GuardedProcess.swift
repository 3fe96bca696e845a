internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// A program that ends, with what it has started, when nobody wants it any more: also if this process is killed.
///
/// A process of this program stands in front of it, and has a pipe of which this process holds the other end. It ends as
/// the program does, and is all that is seen of it here.
final class GuardedProcess: Sendable {
  private let process: ChildProcess
  private let broker: Broker
  private let life: Mutex<FileDescriptor?>

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - words: The program, by path or as it is found in PATH, and its arguments.
  ///   - rest: Further arguments, which may be no text.
  ///   - directory: Where it runs; in the root if it cannot be there, and where this process is if nil.
  ///   - leavings: A directory that is removed, with the files in it, if the program has to be ended.
  init(
    _ words: [String], rest: [[UInt8]] = [], directory: String? = nil, leavings: String? = nil, environment: [String],
    input: FileDescriptor, output: FileDescriptor, errors: FileDescriptor, broker: Broker
  ) throws(SystemError) {
    let (read, write) = try FileDescriptor.pipe(nonblocking: false)
    process = try ChildProcess(
      path: "/proc/self/exe", arguments: [AMT_GUARD_MARKER, directory ?? "", leavings ?? ""] + words, rest: rest,
      environment: environment + ["\(AMT_CHILD_VARIABLE)=1"], input: input, output: output, error: errors, life: read,
      poller: broker.core.poller)
    life = Mutex(write)
    self.broker = broker
  }

  /// Ends the program: it is asked to, and killed if it has not ended 2 s later.
  func end() { life.withLock { $0 = nil } }

  /// Waits until it has ended, and been reaped. Ends it if the task is cancelled.
  func status() async -> ExitStatus {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        broker.enqueue { [process] in
          process.onExit { continuation.resume(returning: $0) }
          do { try process.watch() } catch { process.ready(.readable) }
        }
      }
    } onCancel: {
      end()
    }
  }
}
