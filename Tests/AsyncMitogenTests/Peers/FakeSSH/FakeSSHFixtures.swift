import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

/// Programs that are run with a context in the place of another machine.
enum FakeSSHFixtures {
  /// How a program ended, and what it printed.
  struct Result: Sendable, Equatable {
    var status: AsyncMitogen.ExitStatus
    var output: String
    var errors: String
  }

  static func run(
    _ words: [String], _ router: Router, in context: Context, environment: [String: String] = [:],
    directory: String? = nil, input: FakeSSH.Input = .nothing, limits: FakeSSH.Limits = .init()
  ) async throws -> Result {
    let (output, errors) = (Collector(), Collector())
    let status = try await FakeSSH.run(
      words, router: router, in: context, environment: environment, directory: directory, input: input,
      output: .pieces { await output.take($0) }, errors: .pieces { await errors.take($0) }, limits: limits)
    return Result(status: status, output: await output.text, errors: await errors.text)
  }

  /// A script of the shell, with `ssh` as its programs find it.
  static func script(
    _ text: String, _ router: Router, in context: Context, directory: String? = nil, limits: FakeSSH.Limits = .init()
  ) async throws -> Result {
    try await run(["/bin/sh", "-c", text], router, in: context, directory: directory, limits: limits)
  }

  /// A child, and one below it.
  static func contexts(_ router: Router) async throws -> [Context] {
    let child = try await router.local()
    return [child, try await router.local(via: child)]
  }

  /// Files of all kinds, in a directory of a sandbox.
  static func makeTree(_ sandbox: Sandbox, _ name: String) throws {
    try sandbox.directory("\(name)/deep/er")
    try sandbox.file("\(name)/empty", [])
    try sandbox.file("\(name)/a b'c", [1, 2, 3], mode: 0o600)
    try sandbox.file("\(name)/deep/program", Sandbox.content(100_000), mode: 0o755)
    try sandbox.file("\(name)/deep/er/large", Sandbox.content(3_000_001, seed: 7))
    try sandbox.link("\(name)/deep/link", to: "program")
  }

  /// What is different between two trees.
  static func difference(_ left: String, _ right: String) throws -> String {
    let command = try ShellCommand("diff -r --no-dereference '\(left)' '\(right)'")
    return command.status == 0 ? "" : "status \(command.status): \(command.output)"
  }

  /// Whether a process is gone, or is within 20 s.
  static func isGone(_ process: Int32) async -> Bool {
    let pidfd = amt_pidfd_open(process)
    guard pidfd >= 0 else { return true }
    defer { close(pidfd) }
    return await onOwnThread {
      var watched = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
      return unsafe poll(&watched, 1, 20_000) > 0
    }
  }

  /// What something prints.
  actor Collector {
    private(set) var bytes: [UInt8] = []
    private var waiters: [CheckedContinuation<Void, Never>] = []

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func take(_ piece: [UInt8]) {
      bytes += piece
      for waiter in waiters { waiter.resume() }
      waiters = []
    }

    /// The first lines that come, so many.
    func lines(_ count: Int) async -> [Substring] {
      while bytes.count(where: { $0 == 0x0a }) < count { await withCheckedContinuation { waiters.append($0) } }
      return Array(text.split(separator: "\n").prefix(count))
    }
  }
}
