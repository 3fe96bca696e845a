import CAsyncMitogen
import Glibc
import Synchronization
import Testing

@testable import AsyncMitogen

/// Contexts that go on without their parents, as real processes.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct DetachTests {
  /// Ends processes that a test has left, when it fails.
  private static func clean(_ pids: [Int32]) {
    for pid in pids where Facts.isAlive(pid) { kill(pid, SIGKILL) }
  }

  @Test func `a context outlives its master, is reached again, and can be ended`() async throws {
    let box = try Sandbox()
    let path = box("a.sock")
    // What is the master here is a process of its own, so that it can be killed.
    var (masterID, childID): (Int32, Int32) = (0, 0)
    defer { DetachTests.clean([masterID, childID]) }
    try await withRouter { router in
      let master = try await router.local()
      let child = try await router.local(via: master)
      masterID = try await master.call { Facts.processID() }
      childID = try await child.call { Facts.processID() }
      _ = try await child.call(path) { path in try Listening.start(path) }
      let disconnects = await router.disconnects
      try child.callNoReply { try await ExternalContext.current?.detach() }
      for await event in disconnects where event.context == child { break }
      #expect(Facts.isAlive(masterID) && Facts.isAlive(childID))
      await #expect(throws: ChannelError.self) { try await child.call { 1 } }
      #expect(try await master.call { 1 } == 1)
      kill(masterID, SIGKILL)
      #expect(Facts.waitForEnd(of: [masterID], limit: .seconds(10)) != nil)
    }
    #expect(Facts.isAlive(childID))
    let (own, expected) = (Facts.state(childID), childID)
    #expect(own != "Z")
    try await withRouter(joining: path) { router, context in
      #expect(try await context.call { Facts.processID() } == expected)
      #expect(try await context.call { Mitogen.parentIDs } == [])
      #expect(try await context.call { Mitogen.isMaster } == false)
      // It is a root: it can start others, and gives out numbers, also to those below.
      let own = try await router.local(via: context)
      let below = try await router.local(via: own)
      let ids = [context.id, router.contextID, own.id, below.id]
      #expect(Set(ids).count == 4)
      #expect(try await below.call { Mitogen.contextID } == below.id)
      // The second time nothing happens.
      try await context.call { try await ExternalContext.current?.detach() }
      try await context.shutdown()
    }
    #expect(Facts.waitForEnd(of: [childID], limit: .seconds(10)) != nil)
    #expect(box.names.isEmpty)
  }

  @Test func `a child of this process survives the end of its router, and is reaped`() async throws {
    let box = try Sandbox()
    var pid: Int32 = 0
    defer { DetachTests.clean([pid]) }
    var detail: String?
    try await withRouter { router in
      let child = try await router.local()
      pid = try await child.call { Facts.processID() }
      _ = try await child.call(box("a.sock")) { path in try Listening.start(path) }
      let disconnects = await router.disconnects
      try child.callNoReply { try await ExternalContext.current?.detach() }
      for await event in disconnects {
        detail = event.detail
        break
      }
    }
    #expect(detail?.hasSuffix("has detached, and goes on by itself") == true)
    #expect(Facts.isAlive(pid))
    try await withRouter(joining: box("a.sock")) { _, context in
      #expect(try await context.call { Facts.processID() } == pid)
      try await context.shutdown()
    }
    #expect(Facts.waitForEnd(of: [pid], limit: .seconds(10)) != nil)
  }

  @Test func `contexts below it stay, and start others`() async throws {
    let box = try Sandbox()
    var pids: [Int32] = []
    defer { DetachTests.clean(pids) }
    var ids: [ContextID] = []
    try await withRouter { router in
      let child = try await router.local()
      let below = try await router.local(via: child)
      let deep = try await router.local(via: below)
      ids = [child.id, below.id, deep.id]
      for context in [child, below, deep] { pids.append(try await context.call { Facts.processID() }) }
      _ = try await child.call(box("a.sock")) { path in try Listening.start(path) }
      let disconnects = await router.disconnects
      try child.callNoReply { try await ExternalContext.current?.detach() }
      var gone: Set<ContextID> = []
      for await event in disconnects where gone.insert(event.context.id).inserted && gone.count == 3 { break }
      #expect(gone == Set(ids))
      // This tree gives out other numbers meanwhile.
      #expect(try await !ids.contains(router.local().id))
    }
    try await withRouter(joining: box("a.sock")) { router, context in
      let known = ids.map { router.context($0) }
      for (context, pid) in zip(known, pids) { #expect(try await context.call { Facts.processID() } == pid) }
      var found: Set<ContextID> = Set(ids + [router.contextID])
      // More than a block, so that both have to ask for another one.
      for index in 0..<12 {
        let new = try await router.local(via: known[index % 3])
        #expect(found.insert(new.id).inserted)
        #expect(try await new.call { Mitogen.contextID } == new.id)
      }
      try await context.shutdown()
    }
    #expect(Facts.waitForEnd(of: pids, limit: .seconds(10)) != nil)
  }

  @Test func `all that was sent before arrives, in both directions`() async throws {
    let box = try Sandbox()
    var pid: Int32 = 0
    defer { DetachTests.clean([pid]) }
    let count = 40
    try await withRouter { router in
      let child = try await router.local()
      pid = try await child.call { Facts.processID() }
      let received = Receiver<[UInt8]>(router: router, limit: .standard)
      let inbox: Sender<[UInt8]> = try await child.call(box("a.sock"), box("out")) { path, file in
        _ = try Listening.start(path)
        return try Outliving.collect(into: file)
      }
      // What the child has to send is more than its socket holds when it detaches.
      try child.callNoReply(received.sender, count) { sender, count in
        for number in 0..<count { try sender.post([UInt8(number)] + [UInt8](repeating: 1, count: 1 << 18)) }
        try await ExternalContext.current?.detach()
      }
      for number in 0..<count { try inbox.post([UInt8(number)] + [UInt8](repeating: 2, count: 1 << 17)) }
      for number in 0..<count {
        let bytes = try await received.get(timeout: .seconds(20))
        #expect(bytes.first == UInt8(number) && bytes.count == 1 << 18 + 1)
      }
      try await child.disconnected()
    }
    // Those that the child got before it let go came to its receiver; of the others this side was told.
    try await withRouter(joining: box("a.sock")) { _, context in
      let numbers = try await context.call { Outliving.collected() }
      #expect(numbers == Array(0..<numbers.count))
      try await context.shutdown()
    }
    #expect(Facts.waitForEnd(of: [pid], limit: .seconds(10)) != nil)
  }

  @Test func `nothing of the master stays open, nor its terminal`() async throws {
    let box = try Sandbox()
    var pid: Int32 = 0
    defer { DetachTests.clean([pid]) }
    try await withRouter { router in
      let master = try await router.local()
      let child = try await router.local(via: master)
      pid = try await child.call { Facts.processID() }
      // Pipes have one name at both ends; the child's standard error leads to its parent.
      let before = try await child.call { Facts.descriptors("pipe:") }
      #expect(try await !master.call { Facts.descriptors("pipe:") }.filter { before.contains($0) }.isEmpty)
      #expect(try await child.call { Facts.descriptors("socket:") }.count == 1)
      _ = try await child.call(box("a.sock")) { path in try Listening.start(path) }
      try child.callNoReply { try await ExternalContext.current?.detach() }
      try await child.disconnected()
      let kept = try await master.call { Facts.descriptors("pipe:") }
      try await withRouter(joining: box("a.sock")) { _, context in
        let after = try await context.call { Facts.descriptors("pipe:") }
        #expect(after.count == before.count - 1)
        #expect(after.filter { kept.contains($0) }.isEmpty)
        // The listener, and this connection.
        #expect(try await context.call { Facts.descriptors("socket:") }.count == 2)
        #expect(try await context.call { Facts.terminal() } == 0)
        #expect(try await context.call { Facts.ignores(SIGHUP) })
        // It prints nowhere, and that does no harm.
        try await context.call { print("nobody reads this") }
        #expect(try await context.call { 1 } == 1)
        try await context.shutdown()
      }
    }
    #expect(Facts.waitForEnd(of: [pid], limit: .seconds(10)) != nil)
  }

  @Test func `who waits for what is beyond the parent is told, here and below`() async throws {
    let box = try Sandbox()
    var pid: Int32 = 0
    defer { DetachTests.clean([pid]) }
    try await withRouter { router in
      let pool = Pool(router: router, services: [Patience(router: router)])
      let child = try await router.local()
      let below = try await router.local(via: child)
      pid = try await child.call { Facts.processID() }
      _ = try await child.call(box("a.sock")) { path in try Listening.start(path) }
      for context in [child, below] { try await context.call { try await Outliving.waitForMaster() } }
      try child.callNoReply { try await ExternalContext.current?.detach() }
      try await child.disconnected()
      try await withRouter(joining: box("a.sock")) { joined, context in
        for id in [child.id, below.id] {
          let reason = try await joined.context(id).call(timeout: .seconds(20)) { await Outliving.whatWaitingCameTo() }
          #expect(reason == "the respondent Context has disconnected")
        }
        try await context.shutdown()
      }
      await pool.close()
    }
    #expect(Facts.waitForEnd(of: [pid], limit: .seconds(10)) != nil)
  }

  @Test func `a master and one that has joined cannot detach`() async throws {
    let box = try Sandbox()
    try await withRouter { router in
      await #expect(throws: StreamError.self) { try await router.detach(timeout: .seconds(1)) }
      let listener = try UnixListener(router: router, path: box("a.sock"))
      try await withRouter(joining: listener.path) { joined, _ in
        let error = await #expect(throws: StreamError.self) { try await joined.detach(timeout: .seconds(1)) }
        #expect(error?.message.contains("started by another one") == true)
      }
    }
  }

  @Test func `only a child itself can say that it detaches`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let below = try await router.local(via: child)
      // In the name of its own parent, from below, and from somebody who is no child.
      for context in [below, child, router.myself] {
        let request = Message(destination: .master, handle: .detaching)
        if context.id == .master {
          await #expect(throws: ChannelError.self) {
            try await router.request(request, respondent: .master, timeout: .seconds(20))
          }
        } else if context == below {
          let isRefused = try await below.call {
            guard let router = ExternalContext.current?.router else { throw Opaque() }
            do {
              _ = try await router.request(
                Message(destination: .master, handle: .detaching), respondent: .master, timeout: .seconds(20))
              return false
            } catch is ChannelError {
              return true
            }
          }
          #expect(isRefused)
        }
      }
      #expect(try await child.call { 1 } == 1)
      #expect(try await below.call { 1 } == 1)
    }
  }

  @Test func `one that is told to end while it detaches ends`() async throws {
    var pids: [Int32] = []
    defer { DetachTests.clean(pids) }
    for _ in 0..<5 {
      try await withRouter { router in
        let child = try await router.local()
        pids.append(try await child.call { Facts.processID() })
        try await child.shutdown(wait: false)
        try? child.callNoReply { try await ExternalContext.current?.detach() }
      }
    }
    #expect(Facts.waitForEnd(of: pids, limit: .seconds(10)) != nil)
  }
}

/// What goes on in a context after the call that began it, for these tests.
enum Outliving {
  private static let state = Mutex((numbers: [Int](), reason: AsyncStream<String>?.none))

  /// Keeps the numbers of what is sent to it.
  static func collect(into file: String) throws -> Sender<[UInt8]> {
    guard let router = ExternalContext.current?.router else { throw Opaque() }
    let receiver = Receiver<[UInt8]>(router: router)
    Task {
      for try await bytes in receiver { state.withLock { $0.numbers.append(Int(bytes[0])) } }
    }
    return receiver.sender
  }

  static func collected() -> [Int] { state.withLock { $0.numbers } }

  /// Calls a service of the master that takes long, and goes on.
  static func waitForMaster() async throws {
    guard let master = ExternalContext.current?.master else { throw Opaque() }
    let (stream, continuation) = AsyncStream.makeStream(of: String.self)
    let (asked, begun) = AsyncStream.makeStream(of: Void.self)
    state.withLock { $0.reason = stream }
    Task {
      do {
        begun.finish()
        _ = try await master.call(Patience.wait)
        continuation.yield("an answer")
      } catch let error as ChannelError {
        continuation.yield(error.reason)
      } catch {
        continuation.yield("\(error)")
      }
    }
    for await _ in asked {}
    // Behind the other one.
    _ = try await master.call(Patience.now)
  }

  static func whatWaitingCameTo() async -> String {
    guard let stream = state.withLock({ $0.reason }) else { return "nothing was asked" }
    for await reason in stream { return reason }
    return "nothing"
  }
}

/// Answers late, or at once.
actor Patience: Service {
  init(router: Router) {}

  static let wait = ServiceMethod<Patience, NoArguments, Int>("wait", policy: .allowAny) { _ in
    try await Task.sleep(for: .seconds(100))
    return 1
  }
  static let now = ServiceMethod<Patience, NoArguments, Int>("now", policy: .allowAny) { _ in 1 }
  static var methods: [AnyServiceMethod<Patience>] {
    wait
    now
  }
}

extension Facts {
  /// What those descriptors of this process stand for that are of a kind.
  static func descriptors(_ kind: String) -> [String] {
    guard let directory = unsafe opendir("/proc/self/fd") else { return [] }
    defer { unsafe _ = closedir(directory) }
    var found: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      var target = [CChar](repeating: 0, count: 4_096)
      let count = unsafe readlink("/proc/self/fd/\(name)", &target, target.count)
      guard count > 0 else { continue }
      found.append(String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return found.filter { $0.hasPrefix(kind) }.sorted()
  }

  /// Whether this process ignores a signal.
  static func ignores(_ number: Int32) -> Bool {
    let line = read("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("SigIgn:") }
    let mask = line.flatMap { UInt64($0.split(separator: "\t").last ?? "", radix: 16) } ?? 0
    return mask & 1 << UInt64(number - 1) != 0
  }

  /// The number of the terminal that controls this process; 0 if there is none.
  static func terminal() -> Int? {
    guard let text = read("/proc/self/stat"), let end = text.lastIndex(of: ")") else { return nil }
    return Int(text[text.index(after: end)...].split(separator: " ")[4])
  }
}
