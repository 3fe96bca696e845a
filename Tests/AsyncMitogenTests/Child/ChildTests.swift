import CAsyncMitogen
import Dispatch
import Glibc
import Synchronization
import Testing

@testable import AsyncMitogen

/// Counts on the main actor of whichever process it is in.
@MainActor var mainActorCount = 0

/// What a function finds in a child.
@Suite(.timeLimit(.minutes(1)))
struct ChildTests {
  @Test func `its place in the tree`() async throws {
    #expect(Mitogen.isMaster)
    #expect(Mitogen.contextID == .master)
    #expect(Mitogen.parentID == nil)
    #expect(ExternalContext.current == nil)
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      #expect(try await grandchild.call { Mitogen.contextID } == grandchild.id)
      #expect(try await grandchild.call { Mitogen.parentIDs } == [child.id, 0])
      #expect(try await grandchild.call { Mitogen.isMaster } == false)
      #expect(try await grandchild.call { ExternalContext.current?.parent } == child)
      #expect(try await grandchild.call { ExternalContext.current?.master } == router.myself)
      #expect(try await grandchild.call { ExternalContext.current?.router.myself } == grandchild)
    }
  }

  @Test func `standard streams`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      #expect(try await child.call { StandardDescriptors.inputIsEmpty() })
      // Blocking, as programs expect, so that a megabyte is written in one piece.
      #expect(try await child.call { StandardDescriptors.areBlocking() })
      #expect(try await child.call { StandardDescriptors.write(1 << 20) } == 1 << 20)
      let descriptors = try await child.call { StandardDescriptors.inherited() }
      #expect(descriptors.isEmpty)
      #expect(try await child.call { unsafe getenv(AMT_CHILD_VARIABLE) == nil })
    }
  }

  @Test func `more descriptors than select can watch`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let count = try await child.call {
        _ = amt_raise_descriptor_limit()
        var opened = 0
        while opened < 1_500, unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 { opened += 1 }
        return opened
      }
      #expect(count == 1_500)
      let grandchild = try await router.local(via: child)
      #expect(try await grandchild.call { 1 } == 1)
    }
  }

  @Test func `what a closure may use`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let main = try await child.call { () async -> Int in
        await MainActor.run {
          mainActorCount += 1
          return mainActorCount
        }
      }
      #expect(main == 1)
      let again = try await child.call { () async -> Int in await MainActor.run { mainActorCount + 1 } }
      #expect(again == 2)
      let slept = try await child.call {
        try await Task.sleep(for: .milliseconds(5))
        return 3
      }
      #expect(slept == 3)
      #expect(try await child.call { await Task.detached { 4 }.value } == 4)
      let queued = try await child.call {
        await withCheckedContinuation { continuation in
          DispatchQueue.global().async { DispatchQueue.main.async { continuation.resume(returning: 5) } }
        }
      }
      #expect(queued == 5)
      let group = try await child.call(10) { count in
        await withTaskGroup(of: Int.self) { group in
          for number in 0..<count { group.addTask { number } }
          return await group.reduce(0, +)
        }
      }
      #expect(group == 45)
    }
  }

  @Test func `programs that a call starts see an ordinary process`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      // Signals as at the start of a program, and only the standard descriptors.
      let status = try await child.call { Programs.run("test $(ls /proc/self/fd | wc -l) -le 4") }
      #expect(status == 0)
      let signals = try await child.call { Programs.run("grep -q 'SigBlk:\\s0*$' /proc/self/status") }
      #expect(signals == 0)
    }
  }

  @Test func `its name and its program`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let below = try await router.local(via: child)
      let pids = [try await child.call { Facts.processID() }, try await below.call { Facts.processID() }]
      #expect(child.name == "local.\(pids[0])")
      #expect(below.name == "local.\(pids[0]).local.\(pids[1])")
      #expect(try await below.call { Programs.path() } == Programs.path())
      for pid in pids {
        #expect(Facts.read("/proc/\(pid)/comm") == "mitogen\n")
        #expect(Facts.read("/proc/\(pid)/cmdline")?.hasPrefix("mitogen:") == true)
      }
    }
  }

  @Test func `another program than that of its parent`() async throws {
    try await withRouter { router in
      let name = "amt-\(UInt32.random(in: 0...UInt32.max))"
      let link = "/tmp/" + name
      #expect(unsafe symlink(Programs.path(), link) == 0)
      defer { unsafe unlink(link) }
      let child = try await router.connect(LocalConnection(path: link))
      #expect(try await child.call { Programs.startedAs() } == name)
      #expect(try await router.local().call { Programs.startedAs() } == "mitogen")
    }
  }

  @Test func `its timers are not early`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let time = try await child.call { () async throws -> Int64 in
        guard let current = ExternalContext.current else { throw Opaque() }
        let receiver = Receiver<Int>(router: current.router)
        let clock = ContinuousClock()
        let start = clock.now
        do { _ = try await receiver.get(timeout: .milliseconds(250)) } catch is TimeoutError {}
        return Int64(start.duration(to: clock.now) / .milliseconds(1))
      }
      #expect(time >= 250)
    }
  }

  @Test func `the limit of messages is the same below`() async throws {
    try await withRouter(configuration: RouterConfiguration(maxMessageSize: 65_536)) { router in
      let child = try await router.local()
      for context in [child, try await router.local(via: child)] {
        let limit = try await context.call { ExternalContext.current?.router.configuration.maxMessageSize }
        #expect(limit == 65_536)
      }
    }
  }
}

/// Tests of what children print and log; they replace the process's log handler, so they run one after the other.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ChildLogTests {
  @Test func `lines that are printed, the last without its end`() async throws {
    let records = try await collect { router in
      let child = try await router.local()
      try await child.call {
        print("to the output")
        StandardDescriptors.writeError("to the error\nunended")
      }
      return child
    }
    let (child, lines) = records
    #expect(lines.contains { $0.logger == "stdout" && $0.message == "to the output" && $0.contextID == child.id })
    #expect(lines.contains { $0.logger == "stderr" && $0.message == "to the error" && $0.contextName == child.name })
    #expect(lines.contains { $0.logger == "stderr" && $0.message == "unended" })
  }

  @Test func `records keep level, logger and context`() async throws {
    let (grandchild, lines) = try await collect { router in
      let grandchild = try await router.local(via: try await router.local())
      try await grandchild.call {
        Logger("my.module").warning("careful")
        Logger("my.module").debug("not this")
        Logger("my.module").error("two\nlines")
      }
      return grandchild
    }
    let mine = lines.filter { $0.logger == "my.module" }
    #expect(mine.map(\.message) == ["careful", "two\nlines"])
    #expect(mine.map(\.level) == [.warning, .error])
    #expect(mine.allSatisfy { $0.contextID == grandchild.id && $0.contextName == grandchild.name })
  }

  @Test func `a call that nobody waits for logs its failure`() async throws {
    let (child, lines) = try await collect { router in
      let child = try await router.local()
      try child.callNoReply { throw Opaque() }
      try await child.call {}
      return child
    }
    #expect(lines.contains { $0.message.hasPrefix("No-reply function call failed: ") && $0.contextID == child.id })
  }

  @Test func `a method that answers nobody logs its failure`() async throws {
    let (child, lines) = try await collect { router in
      let child = try await router.local()
      let inbox = Receiver<Int>(router: router)
      try await child.call(Curious.tell, .init(inbox: inbox.sender, value: -3))
      try child.callNoReply(Curious.fail)
      // When this is answered, those have come; then they are waited for.
      try await child.call(Curious.rest)
      try await child.call {
        guard let pool = ExternalContext.current?.router.services.pool else { throw Opaque() }
        await until { await pool.runningCount == 0 }
      }
      return child
    }
    let texts = lines.filter { $0.logger == "mitogen.service" && $0.contextID == child.id }.map(\.message)
    #expect(texts.contains { $0.hasPrefix("While calling no-reply method AsyncMitogenTests.Curious.tell: ") })
    let name = "AsyncMitogenTests.Curious.fail"
    #expect(texts.contains { $0.hasPrefix("While invoking \(name), whose caller expects no reply: ") })
  }

  /// Runs `body`, and returns what was logged until its router had ended.
  func collect(
    _ level: LogLevel = .info, configuration: RouterConfiguration = .init(),
    _ body: @Sendable (Router) async throws -> Context
  ) async throws -> (Context, [LogRecord]) {
    let handler = CollectingLogHandler()
    let (before, levels) = (Logging.handler, Logging.levels)
    Logging.configure(handler: handler, levels: LogLevels(level))
    defer { Logging.configure(handler: before, levels: levels) }
    let context = try await withRouter(configuration: configuration) { try await body($0) }
    return (context, handler.records)
  }
}

/// What functions in children find out of their descriptors.
enum StandardDescriptors {
  static func inputIsEmpty() -> Bool {
    var byte: UInt8 = 0
    return unsafe read(0, &byte, 1) == 0
  }

  static func areBlocking() -> Bool { (0...2).allSatisfy { fcntl($0, F_GETFL) & O_NONBLOCK == 0 } }

  static func write(_ count: Int) -> Int {
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 127) + [10]
    var written = 0
    while written < count {
      let result = unsafe Glibc.write(1, line, line.count)
      guard result == line.count else { break }
      written += result
    }
    return written
  }

  static func writeError(_ text: String) { _ = unsafe Glibc.write(2, text, text.utf8.count) }

  /// Descriptors beyond the standard ones that a program would inherit.
  static func inherited() -> [Int32] {
    (3..<1_024 as Range<Int32>).filter { descriptor in
      let flags = fcntl(descriptor, F_GETFD)
      return flags >= 0 && flags & FD_CLOEXEC == 0
    }
  }
}

/// Programs that functions in children start.
enum Programs {
  /// The file of this program.
  static func path() -> String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The last part of the path by which this process was started, at most 15 bytes.
  static func startedAs() -> String { String(Facts.read("/proc/self/comm")?.dropLast() ?? "") }

  /// Runs a line of shell, and returns its status.
  static func run(_ line: String) -> Int32 {
    let status = unsafe system(line)
    return status & 0x7f == 0 ? status >> 8 & 0xff : -1
  }
}
