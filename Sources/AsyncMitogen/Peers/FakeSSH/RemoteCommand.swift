internal import CAsyncMitogen
internal import Glibc

/// Runs a command in the context that it is sent to, as sshd does, with streams that come from and go to another context.
///
/// It lasts until the command has ended and nobody writes to what it prints to any more. It ends with the call, and with
/// the context that called.
struct RemoteCommand: RemoteFunction {
  /// For `/bin/sh -c`; may be no text. Nothing if it is a subsystem.
  var command: Blob
  /// The name of a service of this machine; only `sftp` is known.
  var subsystem: String?
  /// Where the caller hears what to send the input to.
  var input: Sender<Sender<Blob>>
  var output: Sender<Blob>
  var errors: Sender<Blob>

  /// Where distributions keep the program; the next ones by PATH.
  static let sftpServers = [
    "/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server", "/usr/libexec/ssh/sftp-server", "/usr/lib/sftp-server", "/usr/lib/misc/sftp-server",
  ]

  func callAsFunction() async throws -> ExitStatus {
    guard let router = ExternalContext.current?.router, let broker = router.broker else {
      throw StreamError("no programs can be started here")
    }
    let running = try start(broker)
    let caller = output.context
    let pieces = Receiver<Blob>(router: router, respondent: caller)
    // Nothing comes here, but that the caller is gone.
    let presence = Receiver<Message>(router: router, respondent: caller)
    defer {
      pieces.close()
      presence.close()
    }
    return try await withThrowingTaskGroup(of: ExitStatus?.self) { group in
      group.addTask { await running.process.status() }
      group.addTask {
        try await RemoteCommand.copy(running.output, to: output)
        return nil
      }
      group.addTask {
        try await RemoteCommand.copy(running.errors, to: errors)
        return nil
      }
      // Those before are waited for, these are not.
      let feeding = Task(executorPreference: broker.taskExecutor) { [input] in
        try await input.send(pieces.sender)
        // The caller hears that nobody reads any more.
        if try await !running.input.write(pieces) { pieces.close() }
      }
      let watching = Task(executorPreference: broker.taskExecutor) {
        do { _ = try await presence.get() } catch is ChannelError { running.process.end() }
      }
      defer {
        feeding.cancel()
        watching.cancel()
      }
      var status = ExitStatus?.none
      while let result = try await group.next() { status = result ?? status }
      try Task.checkCancellation()
      guard let status else { throw CancellationError() }
      return status
    }
  }

  /// The command, and this side of its streams.
  private struct Running: Sendable {
    let process: GuardedProcess
    let input: DescriptorEnd
    let output: DescriptorEnd
    let errors: DescriptorEnd
  }

  /// The command's side of its streams is closed here on return, or there would be no end to what it prints.
  private func start(_ broker: Broker) throws -> Running {
    let words = try subsystem.map { [try RemoteCommand.server(of: $0)] } ?? ["/bin/sh", "-c"]
    let (theirInput, input) = try RemoteCommand.pipe(writes: true, broker)
    let (theirOutput, output) = try RemoteCommand.pipe(writes: false, broker)
    let (theirErrors, errors) = try RemoteCommand.pipe(writes: false, broker)
    let process = try GuardedProcess(
      words, rest: subsystem == nil ? [command.bytes] : [], directory: HomeDirectory.path,
      environment: HostFacts.environment, input: theirInput, output: theirOutput, errors: theirErrors, broker: broker)
    return Running(process: process, input: input, output: output, errors: errors)
  }

  private static func server(of subsystem: String) throws -> String {
    guard subsystem == "sftp" else { throw StreamError("there is no subsystem \(subsystem)") }
    let inPath = FakeSSHPrograms.find("sftp-server", in: HostFacts.environment)
    guard let server = sftpServers.first(where: { unsafe access($0, X_OK) == 0 }) ?? inPath else {
      throw StreamError("there is no sftp-server: not in PATH, and none of \(sftpServers.joined(separator: ", "))")
    }
    return server
  }

  /// Sends what the command prints. It hears if nobody wants it any more, as if it printed to a pipe.
  private static func copy(_ end: DescriptorEnd, to sender: Sender<Blob>) async throws {
    do {
      try await end.read { try await sender.send(Blob($0)) }
      sender.close()
    } catch is ChannelError {}
  }

  private static func pipe(writes: Bool, _ broker: Broker) throws -> (theirs: FileDescriptor, ours: DescriptorEnd) {
    let (read, write) = try FileDescriptor.pipe(nonblocking: false)
    let (theirs, ours) = writes ? (read, write) : (write, read)
    _ = amt_set_nonblocking(ours.number, 1)
    return (theirs, DescriptorEnd(ours, broker: broker))
  }
}
