import AsyncMitogen
import CAsyncMitogen
import Glibc
import Testing

/// What is left of connections that did not come to be: nothing, though others run beside them.
///
/// Counted in a child, which runs nothing else.
@Suite(.timeLimit(.minutes(1))) struct `What is left of connecting` {
  @Test func `cancelled, at once and while somebody is asked`() async throws {
    let stub = try StubProgram("sudo", ["STUB_PASSWORD": "secret"])
    try await withRouter { router in
      let child = try await router.local()
      let left = try await child.call(stub.path) { path in try await Leftovers.afterCancelling(path) }
      #expect(left == Leftovers())
    }
  }

  @Test func `refused, or ended before it was up`() async throws {
    let stub = try StubProgram("sudo", ["STUB_PASSWORD": "secret"])
    try await withRouter { router in
      let child = try await router.local()
      let left = try await child.call(stub.path) { path in try await Leftovers.afterRefusals(path) }
      #expect(left == Leftovers())
    }
  }

  @Test func `without descriptors: more are allowed, or the error says what to do`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call { try await Exhaustion.softLimit() } == 7)
      let (message, hint, left, later) = try await child.call { try await Exhaustion.hardLimit() }.parts
      #expect(message == "Child start failed: [Errno 24] Too many open files")
      #expect(hint == "raise the limit of open files (ulimit -Hn)")
      #expect(left == 0 && later == 8)
    }
  }
}

/// What there is more of than before.
struct Leftovers: Codable, Sendable, Hashable {
  /// What they are for.
  var descriptors: [String] = []
  var handlers = 0
  var processes = 0

  static func afterCancelling(_ path: String) async throws -> Leftovers {
    try await count { router in
      let early = Task { try await router.connect(Script(text: "exec sleep 60")) }
      early.cancel()
      guard case .failure(let error) = await early.result, error is CancellationError else { throw Opaque() }
      // While the program waits for an answer that never comes.
      let asked = AsyncStream.makeStream(of: Int.self)
      let ended = AsyncStream.makeStream(of: Int.self)
      let late = Task {
        try await router.sudo(sudoPath: path, image: small) { _ in
          asked.continuation.yield(1)
          defer { ended.continuation.yield(1) }
          // Not asleep: for the first sleep of a process Dispatch opens a timer some time later, and keeps it.
          let nothing = AsyncStream.makeStream(of: Int.self)
          for await _ in nothing.stream {}
          nothing.continuation.finish()
          return nil
        }
      }
      for await _ in asked.stream { break }
      late.cancel()
      guard case .failure(let error) = await late.result, error is CancellationError else { throw Opaque() }
      for await _ in ended.stream { break }
    }
  }

  static func afterRefusals(_ path: String) async throws -> Leftovers {
    try await count { router in
      do { _ = try await router.sudo(password: "wrong", sudoPath: path, image: small) } catch is PasswordError {}
      do { _ = try await router.connect(Script(text: "exit 3")) } catch is ConnectionError {}
      do {
        _ = try await router.connect(Script(text: "echo MITO999; echo; exec sleep 60", options: brief))
      } catch is ConnectionError {}
      do { _ = try await router.connect(LocalConnection(path: "/no/such/program")) } catch is ConnectionError {}
    }
  }

  /// What would be sent: the child would read all of this program.
  private static var small: ProgramImage { .file("/bin/sh") }

  private static var brief: ConnectionOptions { ConnectionOptions(connectTimeout: .milliseconds(50)) }

  /// Does something several times; what is opened once, and kept, is open after the first.
  private static func count(_ body: (Router) async throws -> Void) async throws -> Leftovers {
    guard let router = ExternalContext.current?.router else { throw Opaque() }
    try await body(router)
    await settle { childCount() == 0 }
    let (before, handlers) = (Facts.descriptors(), router.handlerCount)
    for _ in 0..<5 { try await body(router) }
    await settle { childCount() == 0 && Facts.descriptorCount() <= before.count && router.handlerCount <= handlers }
    // What the first round left to be closed a little later may have been counted before.
    let after = Facts.descriptors()
    return Leftovers(
      descriptors: after.count > before.count ? after.filter { !before.contains($0) } : [],
      handlers: max(0, router.handlerCount - handlers), processes: childCount())
  }

  /// Waits for what ends by itself.
  private static func settle(_ condition: () -> Bool) async {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition(), ContinuousClock.now < deadline { await Task.yield() }
  }

  /// How many children this process has, also such as have ended.
  private static func childCount() -> Int {
    let children = Facts.read("/proc/self/task/\(getpid())/children") ?? ""
    return children.split(separator: " ").count
  }
}

/// A process that may open nothing more.
enum Exhaustion {
  struct Outcome: Codable, Sendable {
    var message: String
    var hint: String?
    var left: Int
    var later: Int
    var parts: (String, String?, Int, Int) { (message, hint, left, later) }
  }

  /// Opens all that it may; the limit that everybody may raise is not the last.
  static func softLimit() async throws -> Int {
    let opened = try fill(limit: 64, isHard: false)
    defer { for descriptor in opened { close(descriptor) } }
    guard let router = ExternalContext.current?.router, !opened.isEmpty else { throw Opaque() }
    let context = try await router.local()
    let result = try await context.call { 7 }
    try await context.shutdown()
    return result
  }

  static func hardLimit() async throws -> Outcome {
    guard let router = ExternalContext.current?.router else { throw Opaque() }
    let opened = try fill(limit: 64, isHard: true)
    let before = Facts.usedDescriptors()
    var outcome = Outcome(message: "", hint: nil, left: 0, later: 0)
    for _ in 0..<3 {
      do { _ = try await router.local() } catch let error as ConnectionError {
        outcome.message = error.message
        outcome.hint = error.hint
      }
    }
    outcome.left = Facts.usedDescriptors() - before
    for descriptor in opened { close(descriptor) }
    outcome.later = try await router.local().call { 8 }
    return outcome
  }

  private static func fill(limit: UInt, isHard: Bool) throws -> [Int32] {
    var now = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &now) == 0 else { throw Opaque() }
    now.rlim_cur = limit
    if isHard { now.rlim_max = limit }
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &now) == 0 else { throw Opaque() }
    var opened: [Int32] = []
    while case let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC), descriptor >= 0 {
      opened.append(descriptor)
    }
    return opened
  }
}

extension Facts {
  /// How many of the first descriptors are open, counted without opening one.
  static func usedDescriptors() -> Int { (0..<256 as Range<Int32>).filter { fcntl($0, F_GETFD) >= 0 }.count }
}
