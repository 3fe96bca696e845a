internal import CAsyncMitogen
internal import Glibc

/// What one `ssh` of ours has done for it: its command runs in a context, with the streams that the `ssh` was given.
struct SSHSession: Sendable {
  let router: Router
  let broker: Broker
  let context: Context
  let limits: FakeSSH.Limits
  /// The other end is the `ssh`, which waits for the status to exit with.
  let connection: FileDescriptor

  /// What ssh exits with if it fails itself.
  static let failed: UInt8 = 255
  /// How many bytes of options there may be beside the command.
  private static let optionAllowance = 65_536

  private static let log = Logger("mitogen.fakessh")

  /// The three streams of the `ssh`.
  private struct Streams: Sendable {
    let input: DescriptorEnd
    let output: DescriptorEnd
    let errors: DescriptorEnd
    /// For what is to be said here; the same.
    let complaints: DescriptorEnd

    init(_ given: [FileDescriptor], _ broker: Broker) {
      input = DescriptorEnd.take(given[0], writes: false, isOwn: true, broker: broker)
      output = DescriptorEnd.take(given[1], writes: true, isOwn: true, broker: broker)
      // Mostly that of the program itself, and of whoever started it.
      errors = DescriptorEnd.take(given[2], writes: true, isOwn: false, broker: broker)
      complaints = DescriptorEnd.take(given[2], writes: true, isOwn: false, broker: broker)
    }
  }

  /// Serves it to the end: of its command, of the `ssh`, or of the task.
  ///
  /// - Parameter isOneTooMany: Whether there are as many sessions as there may be; then it is told so.
  func run(isOneTooMany: Bool) async {
    guard let (words, streams) = try? await greeting() else { return }
    var status = SSHSession.failed
    do {
      switch words {
      case .refused(let size): throw SSHCommandLine.Refusal("the command line has \(size) bytes: too many")
      case .more: return
      case .words(let words):
        guard !isOneTooMany else {
          throw SSHCommandLine.Refusal("\(limits.sessions) commands run already, and there may be no more")
        }
        let line = try SSHCommandLine.parse(words, limit: limits.commandSize)
        status = try await serve(line, streams)
      }
    } catch is CancellationError {
      // Nobody is there to read it, or the program is being ended.
    } catch {
      await complain(SSHSession.text(of: error), streams)
    }
    streams.output.close()
    streams.errors.close()
    streams.complaints.close()
    _ = unsafe amt_send(connection.number, &status, 1)
  }

  // MARK: how it begins

  private func greeting() async throws -> (StandInGreeting.Progress, Streams)? {
    var greeting = StandInGreeting(limit: limits.commandSize + SSHSession.optionAllowance)
    var numbers: [Int32] = [-1, -1, -1]
    // Whatever has come is closed with it.
    defer { for number in numbers where number >= 0 { close(number) } }
    for await _ in try broker.readiness(of: connection.number) {
      let size = min(greeting.wanted, 65_536)
      var count = 0
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
        count = unsafe amt_receive_streams(connection.number, buffer.baseAddress, size, &numbers)
        filled = max(0, count)
      }
      if count == -Int(EAGAIN) { continue }
      guard count > 0 else { return nil }
      let progress = greeting.take(bytes)
      if progress == .more { continue }
      guard numbers.allSatisfy({ $0 >= 0 }) else { return nil }
      let given = try numbers.map { number in FileDescriptor(try SystemError.check("dup", amt_duplicate(number))) }
      return (progress, Streams(given, broker))
    }
    return nil
  }

  private func complain(_ text: String, _ streams: Streams) async {
    let (pieces, continuation) = AsyncStream.makeStream(of: Blob.self)
    continuation.yield(Blob(Array("ssh: \(text)\n".utf8)))
    continuation.finish()
    _ = try? await streams.complaints.write(pieces)
  }

  private static func text(of error: any Error) -> String { (error as? CallError)?.message ?? "\(error)" }

  // MARK: what it does

  private func serve(_ line: SSHCommandLine, _ streams: Streams) async throws -> UInt8 {
    switch line {
    case .version:
      await complain("AsyncMitogen \(Mitogen.version)", streams)
      return 0
    case .command(let command, let readsNothing):
      return try await transfer(Blob(command), nil, readsNothing, streams)
    case .subsystem(let name, let readsNothing):
      guard name == "sftp" else { throw SSHCommandLine.Refusal("subsystem \(name): there is only sftp") }
      return try await transfer(Blob([]), name, readsNothing, streams)
    }
  }

  /// Runs the command and copies its streams, as long as the `ssh` is there.
  private func transfer(
    _ command: Blob, _ subsystem: String?, _ readsNothing: Bool, _ streams: Streams
  ) async throws -> UInt8 {
    SSHSession.log.debug("\(subsystem ?? String(decoding: command.bytes, as: UTF8.self)) in context \(context.id)")
    return try await withThrowingTaskGroup(of: UInt8?.self) { group in
      group.addTask {
        // It says nothing more: that there is something to read means that it is gone.
        for await _ in try broker.readiness(of: connection.number) { throw CancellationError() }
        return nil
      }
      group.addTask { try await call(command, subsystem, readsNothing, streams) }
      defer { group.cancelAll() }
      while let result = try await group.next() {
        if let result { return result }
      }
      throw CancellationError()
    }
  }

  private func call(
    _ command: Blob, _ subsystem: String?, _ readsNothing: Bool, _ streams: Streams
  ) async throws -> UInt8 {
    let input = Receiver<Sender<Blob>>(router: router, respondent: context)
    let output = Receiver<Blob>(router: router, respondent: context)
    let errors = Receiver<Blob>(router: router, respondent: context)
    defer {
      input.close()
      output.close()
      errors.close()
    }
    let remote = RemoteCommand(
      command: command, subsystem: subsystem, input: input.sender, output: output.sender, errors: errors.sender)
    return try await withThrowingTaskGroup(of: ExitStatus?.self) { group in
      group.addTask { try await context.call(remote) }
      for (receiver, end) in [(output, streams.output), (errors, streams.errors)] {
        group.addTask {
          // The command hears that nobody reads any more.
          if try await !end.write(receiver) { receiver.close() }
          return nil
        }
      }
      let feeding = Task(executorPreference: broker.taskExecutor) {
        try await SSHSession.feed(streams.input, readsNothing, to: input)
      }
      defer { feeding.cancel() }
      var status = ExitStatus?.none
      while let result = try await group.next() { status = result ?? status }
      guard let status else { throw CancellationError() }
      return SSHSession.code(of: status)
    }
  }

  /// Sends what can be read to the command, when it is there, and that it was all.
  private static func feed(
    _ end: DescriptorEnd, _ readsNothing: Bool, to receiver: Receiver<Sender<Blob>>
  ) async throws {
    let sender = try await receiver.get()
    if !readsNothing {
      do {
        try await end.read { try await sender.send(Blob($0)) }
      } catch is ChannelError {
        // It reads no more, and whoever writes here hears that.
        return end.close()
      }
    }
    sender.close()
  }

  /// As a shell says how a command has ended.
  static func code(of status: ExitStatus) -> UInt8 {
    switch status {
    case .exited(let code): UInt8(truncatingIfNeeded: code)
    case .signalled(let number): UInt8(truncatingIfNeeded: 128 + number)
    }
  }
}
