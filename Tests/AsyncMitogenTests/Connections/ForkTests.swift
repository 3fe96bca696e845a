import CAsyncMitogen
import Glibc
import Synchronization
import Testing

@testable import AsyncMitogen

/// What is prepared in a fork server, and found in its forks.
enum ForkedState {
  private static let state = Mutex<[String]>([])

  static func add(_ text: String) { state.withLock { $0.append(text) } }
  static var all: [String] { state.withLock { $0 } }
}

/// A function by name that is called when a fork begins.
struct NoteStart: RemoteFunction {
  let text: String
  func callAsFunction() async throws -> Int {
    ForkedState.add(text)
    return ForkedState.all.count
  }
}

/// Contexts that are forks of a fork server.
@Suite(.timeLimit(.minutes(1)))
struct ForkTests {
  @Test func `a fork is a context as others are`() async throws {
    try await withRouter { router in
      let fork = try await router.fork()
      let (pid, parent) = (try await fork.call { getpid() }, try await fork.call { getppid() })
      #expect(pid != getpid())
      #expect(fork.name == "fork.\(pid)")
      // The server is its parent, and this process the server's.
      let server = try #require(router.forks.server)
      #expect(parent == server.processID)
      #expect(Facts.parent(of: parent) == getpid())
      #expect(try await fork.call { Mitogen.contextID } == fork.id)
      #expect(try await fork.call { Mitogen.parentIDs } == [0])
      #expect(try await fork.call(2, 3) { $0 + $1 } == 5)
      #expect(try await fork.call { await MainActor.run { 4 } } == 4)
      #expect(try await fork.call { await Task.detached { 5 }.value } == 5)
      #expect(try await router.fork(name: "mine").name == "mine")
    }
  }

  @Test func `in process listings it is one of ours`() async throws {
    try await withRouter { router in
      let name = String(repeating: "n", count: 120)
      for remoteName in [name, "short"] {
        let fork = try await router.fork(remoteName: remoteName)
        let pid = try await fork.call { getpid() }
        #expect(
          Facts.read("/proc/\(pid)/cmdline")?.split(separator: "\0").map(String.init) == ["mitogen:\(remoteName)"])
        #expect(Facts.read("/proc/\(pid)/comm") == "mitogen\n")
      }
      let server = try #require(router.forks.server)
      #expect(Facts.read("/proc/\(server.processID)/cmdline")?.hasPrefix("mitogen-fork:") == true)
      await #expect(throws: ConnectionError.self) { _ = try await router.fork(remoteName: "a/b") }
    }
  }

  @Test func `it has the descriptors, signals, group and directory of a local one`() async throws {
    try await withRouter { router in
      let (local, fork) = (try await router.local(), try await router.fork())
      // Whatever comes and goes has gone after a call.
      for context in [local, fork] { _ = try await context.call { 1 } }
      #expect(
        try await fork.call { ProcessFacts.descriptors() } == (try await local.call { ProcessFacts.descriptors() }))
      #expect(try await fork.call { ProcessFacts.signals() } == (try await local.call { ProcessFacts.signals() }))
      #expect(try await fork.call { getpgrp() == getpid() })
      #expect(try await fork.call { HostFacts.environment } == (try await local.call { HostFacts.environment }))
      #expect(try await fork.call { ProcessFacts.directory() } == ProcessFacts.directory())
      #expect(try await fork.call { ProcessFacts.stackLimit() } == (try await local.call { ProcessFacts.stackLimit() }))
    }
  }

  @Test func `it has the environment that its parent has now`() async throws {
    try await withRouter { router in
      let parent = try await router.local()
      #expect(try await router.fork(via: parent).call { ProcessFacts.variable("AMT_FORK_TEST") } == nil)
      try await parent.call { unsafe _ = setenv("AMT_FORK_TEST", "changed", 1) }
      let fork = try await router.fork(via: parent)
      #expect(try await fork.call { ProcessFacts.variable("AMT_FORK_TEST") } == "changed")
      #expect(try await fork.call { ProcessFacts.variable("PATH") } == ProcessFacts.variable("PATH"))
    }
  }

  @Test func `many at once`() async throws {
    try await withRouter { router in
      let pids = try await withThrowingTaskGroup(of: pid_t.self) { group in
        for _ in 0..<20 { group.addTask { try await router.fork().call { getpid() } } }
        return try await group.reduce(into: Set<pid_t>()) { $0.insert($1) }
      }
      #expect(pids.count == 20)
      #expect(await router.reachableContexts.count == 20)
      // One server made them all.
      #expect(Set(pids.map { Facts.parent(of: $0) }).count == 1)
    }
  }

  @Test func `no more are on their way than there may be`() async throws {
    try await withRouter(configuration: RouterConfiguration(maxConcurrentForks: 1)) { router in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<5 {
          group.addTask {
            _ = try await router.fork(onStart: {
              // With others beside it there would be more than one that has not been told to anybody.
              try await Task.sleep(for: .milliseconds(5))
            })
          }
        }
        try await group.waitForAll()
      }
      #expect(router.forks.gate.waitingCount == 0)
    }
    #expect(RouterConfiguration().maxConcurrentForks == 32)
  }

  @Test func `forks fork, and others fork for us`() async throws {
    try await withRouter { router in
      let first = try await router.fork()
      let second = try await router.fork(via: first)
      let third = try await router.fork(name: "third", via: second)
      #expect(try await third.call { Mitogen.parentIDs } == [second.id, first.id, 0])
      #expect(third.name == "\(second.name ?? "").third")
      let local = try await router.local()
      let below = try await router.fork(onFork: { ForkedState.add("below") }, via: local)
      #expect(try await below.call { ForkedState.all } == ["below"])
      let pids = [
        try await third.call { getpid() }, try await third.call { getppid() }, try await below.call { getppid() },
      ]
      try await first.shutdown()
      try await local.shutdown()
      #expect(Facts.waitForEnd(of: pids, limit: .seconds(10)) != nil)
    }
  }

  @Test func `random numbers differ`() async throws {
    try await withRouter { router in
      try await router.prepareForks { srandom(1) }
      let (one, two) = (try await router.fork(), try await router.fork())
      #expect(try await one.call { random() } != (try await two.call { random() }))
      #expect(try await one.call { drand48() } != (try await two.call { drand48() }))
      #expect(
        try await one.call { UInt64.random(in: 0 ... .max) } != (try await two.call { UInt64.random(in: 0 ... .max) }))
      // A table of the server is found with the seed that it was made with.
      #expect(try await one.call { "a".hashValue } == (try await two.call { "a".hashValue }))
    }
  }

  @Test func `locks of its main thread and of others do not meet the numbers of the server's`() async throws {
    try await withRouter { router in
      try await router.prepareForks { ForkedState.add("locked in the server") }
      let fork = try await router.fork(onFork: { ForkedState.add("locked before there is a context") })
      let count = try await fork.call { await Contention.run(rounds: 20_000) }
      #expect(count == 40_000)
      #expect(try await fork.call { ForkedState.all.count } == 2)
    }
  }
}

/// The main thread and another want the same lock, again and again.
enum Contention {
  private static let count = Mutex(0)

  static func run(rounds: Int) async -> Int {
    async let main: Void = MainActor.run { work(rounds) }
    async let other: Void = Task.detached { work(rounds) }.value
    _ = await (main, other)
    return count.withLock { $0 }
  }

  private static func work(_ rounds: Int) {
    for _ in 0..<rounds {
      count.withLock { value in
        for _ in 0..<20 { value = value &+ 1 &- 1 }
        value += 1
      }
    }
  }
}

/// What a process finds itself with.
enum ProcessFacts {
  /// What each open descriptor is, without the numbers that differ.
  static func descriptors() -> [String] {
    (0..<64).compactMap { number -> String? in
      var status = stat()
      guard unsafe fstat(Int32(number), &status) == 0 else { return nil }
      let flags = fcntl(Int32(number), F_GETFD)
      return "\(number): \(String(status.st_mode, radix: 8)) \(flags)"
    }
  }

  static func signals() -> [String] {
    let lines = Facts.read("/proc/self/status")?.split(separator: "\n") ?? []
    return lines.filter { $0.hasPrefix("Sig") && !$0.hasPrefix("SigQ") }.map(String.init)
  }

  static func directory() -> String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    guard unsafe getcwd(&buffer, buffer.count) != nil else { return "" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static func variable(_ name: String) -> String? {
    HostFacts.environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
  }

  static func stackLimit() -> String? {
    Facts.read("/proc/self/limits")?.split(separator: "\n").first { $0.hasPrefix("Max stack") }.map(String.init)
  }

  static func threadCount() -> Int {
    let line = Facts.read("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("Threads:") }
    return line.flatMap { Int($0.filter(\.isNumber)) } ?? -1
  }
}

extension Facts {
  /// The parent of a process.
  static func parent(of pid: Int32) -> Int32? {
    guard let text = read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
    return text[end...].split(separator: " ").dropFirst(2).first.flatMap { Int32($0) }
  }
}
