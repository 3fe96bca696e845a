import AsyncMitogen
import Glibc

/// The public declarations, used as a program would use them: what compiles here has to go on compiling.
///
/// The file is compiled twice: in the tests, with all that the package enables, and in a package of its own with
/// Swift's defaults. So it imports nothing but the library, and not for testing.
enum PublicSurface {
  /// A function with a name.
  struct Checksum: RemoteFunction {
    var path: String

    func callAsFunction() async throws -> Int { path.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } }
  }

  /// An argument and result of the program's own.
  struct Point: Codable, Sendable, Equatable {
    var x: Int
    var y: Int?
    var names: [String: [UInt8]]
  }

  /// What a function throws over there.
  struct OutOfStock: Error, Codable, Equatable {
    var item: String
  }

  /// What is not `Sendable`.
  final class Notes {
    var lines: [String] = []
  }
}

private func hostName() -> String { "host of \(Mitogen.contextID)" }

// MARK: - Running

extension PublicSurface {
  /// The body of `withRouter` need not be `Sendable`, and neither need its result.
  static func running() async throws -> [String] {
    let notes = Notes()
    var count = 0
    let same: Notes = try await withRouter { router in
      notes.lines.append("\(router.myself.id)")
      count += 1
      return notes
    }
    same.lines.append("\(count)")
    return notes.lines
  }

  /// The body stays on the actor of its caller.
  @MainActor
  static func runningOnAnActor() async throws -> Int {
    let notes = Notes()
    try await withRouter(configuration: .init()) { router in
      MainActor.assertIsolated()
      let child = try await router.local()
      MainActor.assertIsolated()
      notes.lines.append(try await child.call { "from the child" })
    }
    return notes.lines.count
  }

  /// `isolation` can be given.
  static func runningWithoutAnActor() async throws {
    try await withRouter(configuration: configuration(), isolation: nil) { _ in }
  }

  static func configuration() -> RouterConfiguration {
    var configuration = RouterConfiguration()
    let size: Int = configuration.maxMessageSize
    configuration.maxMessageSize = size
    configuration.unidirectional = false
    configuration.debug = false
    configuration.profiling = false
    configuration.shutdownTimeout = .seconds(5)
    configuration.cache = .none
    configuration.poolSize = 16
    return configuration
  }

  static func place() -> (String, Bool, ContextID, ContextID?, [ContextID]) {
    (Mitogen.version, Mitogen.isMaster, Mitogen.contextID, Mitogen.parentID, Mitogen.parentIDs)
  }
}

// MARK: - Contexts

extension PublicSurface {
  /// All options in their order, and each left out.
  static func contexts(_ router: Router) async throws -> [Context] {
    let myself: Context = router.myself
    let first: Context = try await router.local()
    let second = try await router.local(
      remoteName: "surface", debug: false, connectTimeout: .seconds(30), profiling: false, unidirectional: nil,
      via: first)
    let third = try await router.connect(LocalConnection())
    let fourth = try await router.connect(LocalConnection(), via: third)
    let method: some ConnectionMethod = LocalConnection()
    let fifth = try await router.connect(method, via: nil)
    try await router.prepareForks { _ = Mitogen.version }
    try await router.prepareForks(1) { number in _ = number }
    let sixth = try await router.fork(
      name: "surface", onFork: { _ = Mitogen.version }, onStart: { _ = ExternalContext.current }, remoteName: nil,
      debug: false, connectTimeout: .seconds(30), profiling: false, unidirectional: nil, via: nil)
    return [myself, first, second, third, fourth, fifth, sixth]
  }

  static func handlers(_ router: Router) async throws -> ContextID {
    let handle: Handle = try router.addHandler { message in _ = message.payload }
    try router.deleteHandler(handle)
    try router.addHandler(
      persist: false, policy: .parentAuthority, respondent: router.myself, overwrite: false
    ) { _ in }
    return try await router.allocateID()
  }

  /// A context is a value.
  static func isAValue(_ context: Context) -> Bool {
    func check(_ value: some Sendable & Hashable & Codable) -> Bool { true }
    let id: ContextID = context.id
    let name: String? = context.name
    return check(context) && id == context.id && name == context.name
  }
}

// MARK: - Calls

extension PublicSurface {
  static func calls(_ child: Context) async throws -> (uid_t, Int, Int, Int) {
    let uid = try await child.call { getuid() }
    let total = try await child.call([1, 2, 3]) { $0.reduce(0, +) }
    let sum = try await child.call(2, 3, timeout: .seconds(5)) { a, b in a + b }
    let hash = try await child.call(Checksum(path: "/etc/hosts"))
    return (uid, total, sum, hash)
  }

  /// Every form of a call, with its arguments written out.
  static func forms(_ child: Context) async throws -> Point {
    let point = Point(x: 1, y: nil, names: ["a": [0, 255]])
    let same: Point = try await child.call(point, function: { point in point })
    let moved = try await child.call(same, 2, timeout: .seconds(10)) { point, distance async throws -> Point in
      try await Task.sleep(for: .zero)
      return Point(x: point.x + distance, y: point.y, names: point.names)
    }
    try await child.call {}
    try await child.call(1, timeout: .seconds(10)) { number in _ = number }
    let hash: Int = try await child.call(Checksum(path: "/"), timeout: .seconds(10))

    let reply: Receiver<Int> = child.callAsync(hash) { $0 + 1 }
    let later: Receiver<Int> = child.callAsync(2, 3, timeout: .seconds(10)) { a, b in a * b }
    let named: Receiver<Int> = child.callAsync(Checksum(path: "/"), timeout: .seconds(10))
    let nothing: Receiver<Void> = child.callAsync(timeout: .seconds(10)) {}
    _ = (try await reply.get(), try await later.get(), try await named.get())
    try await nothing.get(timeout: .seconds(10))

    try child.callNoReply(1) { number in _ = number }
    try child.callNoReply(Checksum(path: "/"))
    return moved
  }

  /// `callAsync` is not asynchronous, and does not throw.
  static func startAll(_ contexts: [Context]) -> [Receiver<String>] {
    contexts.map { $0.callAsync { hostName() } }
  }

  /// `Transferable` stands for both of its parts.
  static func isTransferable(_ value: some Codable & Sendable) -> Bool {
    func check<Value: Transferable>(_ value: Value) -> Bool { true }
    return check(value)
  }

  /// What has a form of its own on the wire, and anything at all.
  static func wireTypes(_ router: Router, _ child: Context) async throws -> Bool {
    let secret = try await child.call("secret" as Secret) { $0 }
    let blob = try await child.call(Blob([1, 2, 3])) { $0 }
    let bytes: [UInt8] = try await child.call([0, 255] as [UInt8]) { $0 }
    let context: Context = try await child.call(child) { $0 }
    let value: PickledValue = ["list": [1, 2.5, "text", true, nil, .bytes([1])]]
    let same: PickledValue = try await child.call(value) { $0 }
    // As the whole result it would be thrown, as in Mitogen.
    let errors: [CallError] = try await child.call(CallError(typeName: "Out", message: "of stock")) { [$0] }
    return secret.reveal() == "secret" && "\(secret)" != "secret" && blob.bytes == [1, 2, 3] && bytes == [0, 255]
      && context == child && same == value && errors.count == 1
  }

  static func chains(_ child: Context) async throws -> Int {
    let chain = CallChain(child)
    let failing = chain.callAsync { () -> Int in throw OutOfStock(item: "nails") }
    let skipped = chain.callAsync(1) { $0 }
    var failures = 0
    for reply in [failing, skipped] {
      do { _ = try await reply.get() } catch is CallError { failures += 1 }
    }
    try chain.reset()
    return failures + (try await CallChain(child, pipelined: false).call(40) { $0 })
  }

  /// What a called function can reach.
  static func surroundings(_ child: Context) async throws -> [ContextID] {
    try await child.call {
      guard let context = ExternalContext.current else { return [] }
      let router: Router = context.router
      let parent: Context = context.parent
      let master: Context = context.master
      return [router.myself.id, parent.id, master.id]
    }
  }

  static func end(_ child: Context, _ other: Context) async throws {
    try await child.shutdown(wait: false)
    try await other.shutdown()
  }
}

// MARK: - Messages

extension PublicSurface {
  static func fanOut(_ contexts: [Context]) async throws -> [ContextID: String] {
    for try await reply in Select(contexts.map { $0.callAsync { hostName() } }) {
      print(reply.context, try reply.value)
    }

    var names: [ContextID: String] = [:]
    for try await reply in Select(contexts.map { $0.callAsync { hostName() } }, oneshot: true) {
      let event: SelectEvent<String> = reply
      let receiver: Receiver<String> = event.receiver
      _ = receiver
      names[event.context.id] = try event.value
    }
    return names
  }

  static func receivers(_ router: Router, _ child: Context) async throws -> [Int] {
    let numbers = Receiver<Int>(router: router)
    let sender: Sender<Int> = numbers.sender
    try await child.call(sender) { sender in
      for number in 1...3 { try await sender.send(number) }
      sender.close()
    }
    let first = try await numbers.get()
    let second = try await numbers.get(timeout: .seconds(10))
    var all = [first, second]
    for try await number in numbers { all.append(number) }
    numbers.close()

    let raw = Receiver<Message>(router: router, handle: nil, persist: true, respondent: child)
    raw.close()
    return all
  }

  static func selects(_ receivers: [Receiver<Int>]) async throws -> [Int] {
    guard let first = receivers.first else { return [] }
    let outer = Select<Int>([], oneshot: false)
    try outer.add(first)
    try outer.remove(first)
    let inner = Select([first])
    try outer.add(inner)
    return try await Select.all(receivers.dropFirst()) + [try await outer.get()]
  }

  /// All of them are sequences that a task can be given.
  static func sequences(
    _ receiver: Receiver<Int>, _ select: Select<Int>, _ channel: Channel<Int, String>, _ sender: Sender<String>
  ) {
    func check(_ sequence: some AsyncSequence & Sendable) {}
    func check(codable value: some Codable & Sendable) {}
    check(receiver)
    check(select)
    check(channel)
    check(codable: sender)
  }
}

// MARK: - Services

extension PublicSurface {
  actor Counter: Service {
    init(router: Router) {}
    private var total = 0
    func add(_ amount: Int) -> Int {
      total += amount
      return total
    }
    struct Add: Codable, Sendable { var amount: Int }
    static let add = ServiceMethod<Counter, Add, Int>("add", policy: .allowParents) { counter, arguments in
      counter.add(arguments.amount)
    }
    static let total = ServiceMethod<Counter, NoArguments, Int>("total", policy: .allowAny) { $0.total }
    static var methods: [AnyServiceMethod<Counter>] {
      add
      total
    }
  }

  /// Everything that a service may say of itself.
  actor Journal: Service {
    static let name = "journal"
    static let invoker = InvokerStrategy.serialized
    nonisolated let select = Select<Message>(oneshot: false)
    private(set) var lines: [String] = []
    private let router: Router

    init(router: Router) async throws { self.router = router }

    struct Line: Codable, Sendable { var text: String }
    private func append(_ text: String) { lines.append(text) }
    private func watch() throws -> Handle {
      let receiver = Receiver<Message>(router: router)
      try select.add(receiver)
      guard let handle = receiver.handle else { throw ServiceError("the router has ended") }
      return handle
    }

    func onMessage(_ event: SelectEvent<Message>) async { lines.append("a message from \(event.context.id)") }
    func onShutdown() async { lines.append("the end") }

    static let write = ServiceMethod<Journal, Line, NoReply>(
      "write", policy: .allowParents && Policy { $0.message.payload.count < 1_000 }
    ) { journal, line in
      guard Message.current != nil, let caller = Context.caller else { return }
      journal.append("\(caller.id): \(line.text)")
    }
    static let clear = ServiceMethod<Journal, NoArguments, NoResult>(
      "clear", policy: .allowParents, Policy { $0.service == Journal.self }
    ) { journal in
      journal.append("cleared")
      return NoResult()
    }
    static let watch = ServiceMethod<Journal, NoArguments, Handle>("watch", policy: .allowAny) { try $0.watch() }
    static var methods: [AnyServiceMethod<Journal>] {
      write
      clear
      if Mitogen.isMaster { watch }
    }
  }

  static func services(_ child: Context) async throws -> (Int, Int, Int, Int) {
    let n = try await child.call(Counter.add, .init(amount: 4))
    let t = try await child.call(Counter.total)
    let later = try await child.callAsync(Counter.add, .init(amount: 1), timeout: .seconds(20)).get()
    try child.callNoReply(Counter.add, .init(amount: 1))
    let named: Int = try await child.callService(Counter.name, "add", ["amount": 1])
    return (n, t, later, named)
  }

  static func pools(_ router: Router) async throws -> [String] {
    let journal = try await Journal(router: router)
    let pool = Pool(router: router, services: [journal], size: 4)
    try await pool.add(Counter(router: router))
    try await router.myself.call(Journal.write, .init(text: "hello"))
    try await router.myself.call(Journal.clear)
    let handle = try await router.myself.call(Journal.watch)
    try router.myself.send([], to: handle)
    while await journal.lines.count < 3 { await Task.yield() }
    await pool.close()
    return await journal.lines
  }
}

// MARK: - Peers

extension PublicSurface {
  /// A context that listens and goes on by itself, and whoever joins it and ends it.
  static func peers(_ router: Router) async throws -> [ContextID] {
    let child = try await router.local()
    let path = try await child.call { () throws -> String in
      guard let context = ExternalContext.current else { throw CancellationError() }
      return try UnixListener(
        router: context.router, path: nil, mode: 0o600, backlog: 100, policy: .sameUser, peerLimit: 256,
        handshakeLimit: 64, handshakeTimeout: .seconds(5)
      ).path
    }
    try child.callNoReply { try await ExternalContext.current?.detach(timeout: .seconds(30)) }
    try await child.disconnected()
    let policy = UnixPeerPolicy { credentials in
      credentials.userID == getuid() ? UnixPeerAuthority.own : UnixPeerPolicy.everybody.authority(of: credentials)
    }
    return try await withRouter(joining: path, configuration: .init(), policy: policy, timeout: .seconds(30)) {
      router, listener in
      let ids = try await [listener.id, router.contextID, listener.call { Mitogen.contextID }]
      try await listener.shutdown()
      return ids
    }
  }

  /// A listener of this context, and who joins by it.
  static func listening(_ router: Router) async throws -> [Int32] {
    let listener = try UnixListener(router: router, policy: .users([], authority: .listener))
    let joins = await listener.joins
    let path: String = listener.path
    try await withRouter(joining: path) { joined, context in
      let parts: ([ContextID], ContextID) = (joined.parentIDs, context.id)
      _ = parts
    }
    var processes: [Int32] = []
    for await peer in joins {
      let parts: (Context, UnixCredentials, UnixPeerAuthority) = (peer.context, peer.credentials, peer.authority)
      processes.append(parts.1.processID)
      await listener.close()
    }
    await listener.run()
    let left: [Context] = await listener.peers
    return processes + left.map { _ in -1 }
  }
}

// MARK: - Errors

extension PublicSurface {
  /// Calls, and says what came of it; each error has what its catcher needs.
  static func outcome(of call: () async throws -> Void) async -> String {
    do {
      try await call()
      return "returned"
    } catch let error as CallError {
      let parts: (String, String, ContextID?, [CallError.Cause]) = (
        error.typeName, error.message, error.context, error.causes
      )
      return "CallError \(parts.0)"
    } catch let error as ChannelError {
      let reason: String = error.reason
      return "ChannelError \(reason)"
    } catch let error as ConnectionError {
      let parts: (ConnectionError.Phase, [ContextID], [String], ExitStatus?, [String], String?) = (
        error.phase, error.route, error.command, error.status, error.lines, error.hint
      )
      return "ConnectionError \(parts.0)"
    } catch let error as TimeoutError {
      return "TimeoutError \(error.description.isEmpty)"
    } catch let error as StreamError {
      return "StreamError \(error)"
    } catch let error as LatchError {
      return "LatchError \(error)"
    } catch let error as PasswordError {
      return "PasswordError \(error)"
    } catch let error as HostKeyError {
      return "HostKeyError \(error)"
    } catch let error as ServiceError {
      return "ServiceError \(error)"
    } catch let error as UnixSocketError {
      let parts: (UnixSocketError.Reason, String, Int32, String) = (
        error.reason, error.path, error.code, error.message
      )
      return "UnixSocketError \(parts.0)"
    } catch is CancellationError {
      return "CancellationError"
    } catch {
      return "\(error)"
    }
  }

  /// All are values that can cross into another task, and have a text.
  static let errorTypes: [any (Error & Sendable & CustomStringConvertible).Type] = [
    CallError.self, ChannelError.self, StreamError.self, TimeoutError.self, LatchError.self, PasswordError.self,
    HostKeyError.self, ConnectionError.self, ServiceError.self, UnixSocketError.self,
  ]
}
