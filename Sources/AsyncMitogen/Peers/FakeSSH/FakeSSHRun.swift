internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// One program that runs, and all that its `ssh` are asked for.
final class FakeSSHRun: Sendable {
  private let router: Router
  private let broker: Broker
  private let context: Context
  private let programs: FakeSSHPrograms
  private let limits: FakeSSH.Limits
  private let sessionCount = Atomic(0)

  /// How many are told that they are too many; others are turned away without a word.
  private static let allowance = 64
  /// How long nobody is let in when this process has no descriptor left.
  private static let exhaustionPause = Duration.milliseconds(100)

  init(router: Router, broker: Broker, context: Context, programs: FakeSSHPrograms, limits: FakeSSH.Limits) {
    self.router = router
    self.broker = broker
    self.context = context
    self.programs = programs
    self.limits = limits
  }

  /// Runs the program to its end, and ends what it has left behind.
  func run(
    _ words: [String], environment: [String], _ directory: String?, _ input: FakeSSH.Input, _ output: FakeSSH.Output,
    _ errors: FakeSSH.Output
  ) async throws -> ExitStatus {
    try Task.checkCancellation()
    let arrivals = try broker.readiness(of: programs.socket.descriptor.number)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await self.accept(arrivals) }
      defer { group.cancelAll() }
      return try await self.program(words, environment: environment, directory, input, output, errors)
    }
  }

  // MARK: the program

  private func program(
    _ words: [String], environment: [String], _ directory: String?, _ input: FakeSSH.Input, _ output: FakeSSH.Output,
    _ errors: FakeSSH.Output
  ) async throws -> ExitStatus {
    let (process, feed, takes) = try start(words, environment: environment, directory, input, output, errors)
    return try await follow(process, feed, takes)
  }

  /// What the program has of its streams is closed here on return, or there would be no end to what it prints.
  private func start(
    _ words: [String], environment: [String], _ directory: String?, _ input: FakeSSH.Input, _ output: FakeSSH.Output,
    _ errors: FakeSSH.Output
  ) throws -> (GuardedProcess, Work?, [Work]) {
    let (theirInput, feed) = try source(input)
    let (theirOutput, takeOutput) = try destination(output, standard: 1)
    let (theirErrors, takeErrors) = try destination(errors, standard: 2)
    let process = try GuardedProcess(
      words, directory: directory, leavings: programs.path, environment: environment, input: theirInput,
      output: theirOutput, errors: theirErrors, broker: broker)
    return (process, feed, [takeOutput, takeErrors].compactMap { $0 })
  }

  private typealias Work = @Sendable () async throws -> Void

  /// Waits for the program, and for all that it prints. It need not read all that it is given.
  private func follow(_ process: GuardedProcess, _ feed: Work?, _ takes: [Work]) async throws -> ExitStatus {
    let feeding = feed.map { feed in Task(executorPreference: broker.taskExecutor) { try await feed() } }
    defer { feeding?.cancel() }
    return try await withThrowingTaskGroup(of: ExitStatus?.self) { group in
      group.addTask { await process.status() }
      for take in takes {
        group.addTask {
          try await take()
          return nil
        }
      }
      var status = ExitStatus?.none
      while let result = try await group.next() { status = result ?? status }
      try Task.checkCancellation()
      guard let status else { throw CancellationError() }
      return status
    }
  }

  private func source(_ input: FakeSSH.Input) throws -> (FileDescriptor, Work?) {
    switch input {
    case .nothing: return (try FileDescriptor.nothing(), nil)
    case .inherited: return (try standard(0), nil)
    case .bytes(let bytes):
      let (read, write) = try FileDescriptor.pipe(nonblocking: false)
      _ = amt_set_nonblocking(write.number, 1)
      let end = DescriptorEnd(write, broker: broker)
      return (
        read,
        {
          let (pieces, continuation) = AsyncStream.makeStream(of: Blob.self)
          continuation.yield(Blob(bytes))
          continuation.finish()
          _ = try await end.write(pieces)
        }
      )
    }
  }

  private func destination(_ output: FakeSSH.Output, standard number: Int32) throws -> (FileDescriptor, Work?) {
    switch output {
    case .inherited: return (try standard(number), nil)
    case .discarded: return (try FileDescriptor.nothing(), nil)
    case .pieces(let take):
      let (read, write) = try FileDescriptor.pipe(nonblocking: false)
      _ = amt_set_nonblocking(read.number, 1)
      let end = DescriptorEnd(read, broker: broker)
      return (write, { try await end.read(take) })
    }
  }

  /// One of this process's own; nothing if it was started without.
  private func standard(_ number: Int32) throws -> FileDescriptor {
    let copy = amt_duplicate(number)
    return copy >= 0 ? FileDescriptor(copy) : try FileDescriptor.nothing()
  }

  // MARK: those who come

  /// Serves each `ssh` that the program starts, until the task is cancelled.
  private func accept(_ arrivals: AsyncStream<Readiness>) async {
    let listener = programs.socket.descriptor
    await withDiscardingTaskGroup { group in
      for await _ in arrivals {
        while true {
          let number = amt_accept(listener.number)
          if number == -EMFILE || number == -ENFILE {
            // Until somebody lets go of one, asking again would only find the same.
            try? await Task.sleep(for: FakeSSHRun.exhaustionPause)
            break
          }
          guard number >= 0 else { break }
          serve(FileDescriptor(number), &group)
        }
      }
      group.cancelAll()
    }
  }

  private func serve(_ connection: FileDescriptor, _ group: inout DiscardingTaskGroup) {
    // The mode of the directory lets nobody else in; it costs nothing to ask.
    guard let peer = try? UnixCredentials(of: connection), peer.userID == geteuid() || peer.userID == 0 else { return }
    let before = sessionCount.wrappingAdd(1, ordering: .relaxed).oldValue
    guard before < limits.sessions + FakeSSHRun.allowance else {
      sessionCount.wrappingSubtract(1, ordering: .relaxed)
      return
    }
    let session = SSHSession(
      router: router, broker: broker, context: context, limits: limits, connection: connection)
    group.addTask {
      await session.run(isOneTooMany: before >= self.limits.sessions)
      self.sessionCount.wrappingSubtract(1, ordering: .relaxed)
    }
  }
}
