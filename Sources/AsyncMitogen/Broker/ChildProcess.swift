internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// A process that this one has started, or had forked, watched until it has ended and been reaped.
final class ChildProcess: ReadinessHandler {
  let processID: pid_t
  private let pidfd: FileDescriptor
  private let poller: Poller
  /// Told that it has ended if another process reaps it, which then says how with ``ended(_:)``; nil if this one does.
  private let reaper: (@Sendable (pid_t) -> Void)?
  private let state = Mutex(State())

  private struct State: Sendable {
    var status: ExitStatus?
    var isReleased = false
    var waiters: [@Sendable (ExitStatus) -> Void] = []
  }

  /// Starts a program. Its descriptors 0, 1 and 2 are those given, all others are closed; signals are as at the start of
  /// a program, and it is in a process group of its own.
  ///
  /// - Parameters:
  ///   - path: A path, or a name that is looked for in PATH.
  ///   - rest: Further arguments, which may be no text.
  ///   - terminal: The path of a terminal that is to control it; it leads a session then, and has the terminal as each
  ///     descriptor that is nil.
  ///   - life: What a guard watches: see ``GuardedProcess``.
  init(
    path: String, arguments: [String], rest: [[UInt8]] = [], environment: [String], input: FileDescriptor?,
    output: FileDescriptor?,
    error: FileDescriptor?, terminal: String? = nil, life: FileDescriptor? = nil, poller: Poller
  ) throws(SystemError) {
    var pid: pid_t = 0
    var descriptor: Int32 = -1
    let code = unsafe ChildProcess.withCStrings(arguments, rest) { argumentList in
      unsafe ChildProcess.withCStrings(environment, []) { environmentList in
        unsafe path.withCString { path in
          unsafe ChildProcess.withCString(terminal) { terminal in
            var request = unsafe amt_spawn_request(
              path: path, arguments: argumentList, environment: environmentList, input: input?.number ?? -1,
              output: output?.number ?? -1, error: error?.number ?? -1, terminal: terminal, life: life?.number ?? -1)
            return unsafe amt_spawn(&request, &pid, &descriptor)
          }
        }
      }
    }
    guard code == 0 else { throw SystemError(operation: path, code: code) }
    processID = pid
    pidfd = FileDescriptor(descriptor)
    self.poller = poller
    reaper = nil
  }

  /// A process that runs already, and is another one's to reap.
  init(processID: pid_t, pidfd: FileDescriptor, poller: Poller, reaper: @escaping @Sendable (pid_t) -> Void) {
    self.processID = processID
    self.pidfd = pidfd
    self.poller = poller
    self.reaper = reaper
  }

  /// Starts to watch for the end; nobody is told of it before.
  func watch() throws(SystemError) {
    guard status == nil else { return }
    try poller.register(pidfd.number, interest: .readable, keepsAlive: true, handler: self)
  }

  /// How it ended; nil while it runs.
  var status: ExitStatus? { state.withLock { $0.status } }

  /// Calls `body` when it has ended, at once if it has.
  func onExit(_ body: @escaping @Sendable (ExitStatus) -> Void) {
    let status = state.withLock { state in
      if state.status == nil { state.waiters.append(body) }
      return state.status
    }
    if let status { body(status) }
  }

  /// Lets it go on by itself: it gets no signals any more, and a shutdown does not wait for it. It is still reaped.
  func release() {
    let isWatched = state.withLock { state in
      defer { state.isReleased = true }
      return state.status == nil && !state.isReleased
    }
    guard isWatched else { return }
    // What cannot be registered anew is reaped when this process ends.
    try? poller.register(pidfd.number, interest: .readable, keepsAlive: false, handler: self)
  }

  /// Sends a signal, unless it has ended or been released.
  func signal(_ number: Int32) {
    guard state.withLock({ $0.status == nil && !$0.isReleased }) else { return }
    // By descriptor: the number of a process that has ended may be another one's by now. A set-user-id program may
    // refuse, which is its right.
    _ = amt_pidfd_kill(pidfd.number, number)
  }

  func ready(_ readiness: Readiness) {
    if let reaper {
      poller.unregister(pidfd.number, handler: self)
      return reaper(processID)
    }
    var kind: Int32 = 0
    var value: Int32 = 0
    let result = unsafe amt_reap(pidfd.number, &kind, &value)
    guard result != 0 else { return }
    // Reaped by somebody else, as a program that ignores SIGCHLD makes the kernel do: then how is not known.
    let status: ExitStatus =
      result < 0 ? .exited(code: -1) : kind == 0 ? .exited(code: value) : .signalled(number: value)
    ended(status)
  }

  /// It has ended, and has been reaped. Heard once.
  func ended(_ status: ExitStatus) {
    poller.unregister(pidfd.number, handler: self)
    let waiters = state.withLock { state in
      state.status = state.status ?? status
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter(status) }
  }

  private static func withCString<Result>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let string else { return body(nil) }
    return unsafe string.withCString { unsafe body($0) }
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ rest: [[UInt8]], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    let texts = unsafe strings.map { unsafe strdup($0) }
    let copies = unsafe texts + rest.map { unsafe strdup($0.map { CChar(bitPattern: $0) } + [0]) } + [nil]
    defer { for index in unsafe copies.indices { unsafe free(copies[index]) } }
    return unsafe copies.withUnsafeBufferPointer { buffer in
      // Never empty: it ends with nil.
      guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has storage") }
      return unsafe body(base)
    }
  }
}
