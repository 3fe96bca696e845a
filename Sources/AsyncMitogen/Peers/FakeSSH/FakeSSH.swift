internal import Glibc

/// Runs programs that use `ssh` (rsync, scp, sftp, git), with a context in the place of the other machine. Mitogen's
/// `fakessh`, which does not work in 0.3.54.
///
/// ```swift
/// let status = try await FakeSSH.run(["rsync", "-a", "site/", "there:/srv/site"], router: router, in: web)
/// ```
///
/// The program finds an `ssh` in front of all others: in PATH, and where rsync, scp, sftp and git look for one. What that
/// is asked to run runs in the context, wherever in the tree it is: no sshd, no keys, and no further connection.
public enum FakeSSH {
  /// What the program reads.
  public enum Input: Sendable {
    /// Nothing: it is at the end at once.
    case nothing
    /// What this process reads. From a terminal too: the program is in front there until it ends.
    case inherited
    /// These bytes.
    case bytes([UInt8])
  }

  /// Where what the program prints goes.
  public enum Output: Sendable {
    /// Where what this process prints goes; in a child that is the log.
    case inherited
    /// Nowhere.
    case discarded
    /// To a function, in pieces of up to 64 KiB, one at a time: as long as it takes the program waits. What it throws
    /// ends the program.
    case pieces(@Sendable ([UInt8]) async throws -> Void)
  }

  /// How much a program may have done at once.
  public struct Limits: Sendable, Hashable {
    /// How many commands may run in the context at a time: 32 by default. Further ones fail.
    public var sessions: Int
    /// How long a command may be: 131,071 bytes by default, which is the most that Linux gives to a shell.
    public var commandSize: Int

    /// Makes limits.
    public init(sessions: Int = 32, commandSize: Int = 131_071) {
      self.sessions = max(1, sessions)
      self.commandSize = min(max(1, commandSize), 131_071)
    }
  }

  /// Runs a program, to its end.
  ///
  /// The `ssh` that it uses takes OpenSSH's options, and ignores what is about connecting; the name of the host can be any.
  /// Commands run by `/bin/sh -c` in the home directory of the context's account, with the context's environment; the
  /// subsystem `sftp` is that machine's own `sftp-server`. Forwardings and terminals are refused. Each stream may be 1 MiB
  /// ahead of its reader, as with any ``Sender``.
  ///
  /// The program and what it has started end if the task is cancelled or this process ends, however that ends, and so does
  /// what runs in the context: they are asked to, and killed 2 s later.
  ///
  /// - Parameters:
  ///   - arguments: The program, which is looked for in PATH, and its arguments.
  ///   - router: The router of this context.
  ///   - context: Where commands run: one below this context, for others may not be called.
  ///   - environment: Variables for the program, beside and in place of this process's.
  ///   - directory: Where the program runs; where this process is if nil.
  ///   - input: What it reads.
  ///   - output: Where its standard output goes.
  ///   - errors: Where its standard error goes, and that of what runs in the context with it.
  ///   - limits: How much it may have done at once.
  /// - Returns: How the program ended.
  /// - Throws: ``FakeSSHError`` if it could not be run, `CancellationError`, and what a function for output throws. What
  ///   goes wrong with commands in the context, the program hears from its `ssh`, which then exits with 255.
  public static func run(
    _ arguments: [String], router: Router, in context: Context, environment: [String: String] = [:],
    directory: String? = nil, input: Input = .nothing, output: Output = .inherited, errors: Output = .inherited,
    limits: Limits = Limits()
  ) async throws -> ExitStatus {
    guard let broker = router.broker else { throw FakeSSHError("a simulated router starts no programs") }
    let variables = FakeSSHPrograms.setting(
      environment.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }, in: HostFacts.environment)
    try check(arguments, environment: variables, directory)
    let programs = try FakeSSHPrograms(environment: variables)
    defer { programs.remove() }
    let run = FakeSSHRun(router: router, broker: broker, context: context, programs: programs, limits: limits)
    return try await withTaskExecutorPreference(broker.taskExecutor) {
      try await run.run(
        programs.words(arguments), environment: programs.environment(variables), directory, input, output, errors)
    }
  }

  private static func check(_ arguments: [String], environment: [String], _ directory: String?) throws {
    guard let program = arguments.first, !program.isEmpty else { throw FakeSSHError("there is no program to run") }
    guard !arguments.contains(where: { $0.utf8.contains(0) }), !environment.contains(where: { $0.utf8.contains(0) })
    else { throw FakeSSHError("there is a zero in what the program would be given") }
    if let directory, !isDirectory(directory) {
      throw FakeSSHError("\(directory): is no directory that can be entered")
    }
    // By a path it is where it is meant to run.
    if !program.utf8.contains(UInt8(ascii: "/")), FakeSSHPrograms.find(program, in: environment) == nil {
      throw FakeSSHError("\(program): there is no such program in PATH")
    }
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return unsafe !path.utf8.contains(0) && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      && access(path, X_OK) == 0
  }
}
