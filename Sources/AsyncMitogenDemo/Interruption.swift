internal import Glibc
internal import Synchronization

/// What Ctrl-C and SIGTERM do: the first cancels the work, the second ends the process at once.
///
/// Must be made before any other thread exists, for threads inherit what it blocks. Children do not: the library starts
/// them with all signals unblocked, and in process groups of their own, so that a terminal interrupts only the master.
final class Interruption: Sendable {
  private let firstSignal = Atomic<Int32>(0)
  private let signals: [Int32]

  init() {
    // A signal that is ignored from the start, as in a background job of a script, is meant to stay so.
    signals = [SIGINT, SIGTERM].filter { !Interruption.isIgnored($0) }
    var set = Interruption.set(of: signals)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// The status to exit with, as a shell would report it; nil if there was no signal.
  var exitStatus: Int32? {
    let signal = firstSignal.load(ordering: .acquiring)
    return signal == 0 ? nil : 128 + signal
  }

  /// Waits for signals until the process ends.
  func wait(cancelling work: Task<Void, Never>) -> Never {
    let first = nextSignal()
    firstSignal.store(first, ordering: .releasing)
    work.cancel()
    // Children end by themselves when their parent is gone.
    _exit(128 + nextSignal())
  }

  private func nextSignal() -> Int32 {
    var set = Interruption.set(of: signals)
    var signal: Int32 = 0
    // With an empty set it waits for ever, which is what is wanted then; it fails only when it is interrupted.
    while unsafe sigwait(&set, &signal) != 0 {}
    return signal
  }

  private static func set(of signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal) }
    return set
  }

  private static func isIgnored(_ signal: Int32) -> Bool {
    var action = sigaction()
    guard unsafe sigaction(signal, nil, &action) == 0 else { return false }
    // The handler is a function pointer, of which the constants are numbers: 1 is SIG_IGN.
    return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
  }
}
