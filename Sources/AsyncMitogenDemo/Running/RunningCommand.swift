internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// A command that this process has started, and the other processes in its group.
///
/// One task reads its output and waits for its end; any thread may terminate it.
final class RunningCommand: Sendable {
  /// How long it may take to end itself when it is told to: less than this context has left when it is to end, too.
  private static let grace = Duration.milliseconds(250)
  /// How often to look whether this context has lost its parent meanwhile, and so has no time left.
  private static let orphanCheck = Duration.milliseconds(5)

  private let parentProcessID = getppid()
  private let processID: pid_t
  private let pidfd: OwnedDescriptor
  private let output: OwnedDescriptor
  /// Readable once it is to end, so that the task that waits for the command hears of it.
  private let wakeReader: OwnedDescriptor
  private let wakeWriter: OwnedDescriptor
  private let state = Mutex(State())

  private struct State {
    /// When it was told to end.
    var terminated: ContinuousClock.Instant?
    var isKilled = false
    /// Its number may be another process's from then on.
    var isReaped = false
  }

  /// Starts a command with nothing to read, and its output and errors in one stream.
  init(arguments: [String]) throws(CommandStartError) {
    let name = arguments.first ?? ""
    let input = try OwnedDescriptor(opening: "/dev/null", for: name)
    let (reader, writer) = try OwnedDescriptor.pipe(for: name)
    let (wakeReader, wakeWriter) = try OwnedDescriptor.pipe(for: name)
    var processID: pid_t = 0
    var pidfd: CInt = -1
    let code = unsafe withCStrings(arguments) { list in
      unsafe name.withCString { path in
        var request = unsafe amt_spawn_request()
        unsafe request.path = path
        unsafe request.arguments = unsafe UnsafePointer(list)
        unsafe request.environment = unsafe UnsafePointer(environ)
        unsafe request.input = input.number
        unsafe request.output = writer.number
        unsafe request.error = writer.number
        return unsafe amt_spawn(&request, &processID, &pidfd)
      }
    }
    guard code == 0 else { throw CommandStartError(command: name, code: code) }
    self.processID = processID
    self.pidfd = OwnedDescriptor(pidfd)
    self.output = reader
    self.wakeReader = wakeReader
    self.wakeWriter = wakeWriter
  }

  /// Waits for output; nil when there will be no more.
  func nextOutput() -> [UInt8]? {
    while wait(for: output) {
      var chunk = [UInt8](repeating: 0, count: 32 * 1024)
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(output.number, $0.baseAddress, $0.count) }
      if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
      guard count > 0 else { return nil }
      chunk.removeLast(chunk.count - count)
      return chunk
    }
    return nil
  }

  /// Waits for the end, and for that of its whole group if it was told to end.
  func waitForEnd() -> CommandEnd {
    if !wait(for: pidfd) {
      // It has been killed, which nothing can refuse.
      var request = pollfd(fd: pidfd.number, events: Int16(POLLIN), revents: 0)
      while unsafe poll(&request, 1, -1) <= 0 {}
    }
    return state.withLock { state in
      // The command has ended, and its number is still its own: what it has started has had its time, too.
      if state.terminated != nil { kill(-processID, SIGKILL) }
      var kind: CInt = 0
      var value: CInt = 0
      state.isReaped = true
      guard unsafe amt_reap(pidfd.number, &kind, &value) > 0 else {
        return CommandEnd(error: "its exit status is unknown")
      }
      return kind == 0 ? CommandEnd(exitCode: value) : CommandEnd(signal: value)
    }
  }

  /// Tells the command and everything in its group to end; what has not after a moment is killed.
  func terminate() {
    state.withLock { state in
      guard state.terminated == nil, !state.isReaped else { return }
      state.terminated = .now
      kill(-processID, SIGTERM)
      // Also what is stopped is to hear it.
      kill(-processID, SIGCONT)
    }
    wakeWriter.writeByte()
  }

  /// Waits until a descriptor is readable; false if it is not, and the command has been killed.
  private func wait(for descriptor: OwnedDescriptor) -> Bool {
    while true {
      let terminated = state.withLock { $0.terminated }
      if let terminated, terminated.duration(to: .now) >= RunningCommand.grace || getppid() != parentProcessID {
        kill()
        return false
      }
      let milliseconds = terminated == nil ? -1 : CInt(RunningCommand.orphanCheck / .milliseconds(1))
      var requests = [pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)]
      // Once it has been heard, the wake-up would end every wait.
      if terminated == nil { requests.append(pollfd(fd: wakeReader.number, events: Int16(POLLIN), revents: 0)) }
      unsafe poll(&requests, nfds_t(requests.count), milliseconds)
      if requests[0].revents != 0 { return true }
    }
  }

  private func kill() {
    state.withLock { state in
      guard !state.isKilled, !state.isReaped else { return }
      state.isKilled = true
      kill(-processID, SIGKILL)
    }
  }

  private func kill(_ processID: pid_t, _ signal: CInt) {
    // It fails if all have ended by now, which is as good.
    _ = Glibc.kill(processID, signal)
  }
}

/// A command could not be started, and why.
struct CommandStartError: Error, CustomStringConvertible {
  let command: String
  let code: CInt

  var description: String { "cannot start '\(command)': \(unsafe String(cString: strerror(code)))" }
}
