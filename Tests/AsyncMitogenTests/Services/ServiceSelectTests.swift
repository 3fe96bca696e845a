import AsyncMitogen
import Testing

/// Services that hear of messages, and the oldest form of a service.
@Suite(.timeLimit(.minutes(1)))
struct ServiceSelectTests {
  @Test func `what comes to receivers that are added at any time`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let heard = Receiver<[Int]>(router: router)
      try await child.call(Listener.report, .init(to: heard.sender))
      for round in 1...3 {
        // Each round when nothing is watched any more, with new receivers.
        let senders = try await child.call(Listener.open, .init(count: 3))
        for (index, sender) in senders.enumerated() {
          for number in 0..<5 { try await sender.send(100 * round + 10 * index + number) }
        }
        var numbers: [Int] = []
        for _ in 0..<15 { numbers.append(contentsOf: try await heard.get(timeout: .seconds(20))) }
        let sent: [Int] = (0..<15).map { 100 * round + 10 * ($0 / 5) + $0 % 5 }
        #expect(numbers.sorted() == sent)
        for index in 0..<3 {
          // In order from each.
          let mine = numbers.filter { $0 / 10 % 10 == index }
          #expect(mine == mine.sorted())
        }
        #expect(try await child.call(Listener.closeAll) == 3)
      }
      #expect(try await child.call(Listener.most) == 1)
    }
  }

  @Test func `events end with the pool`() async throws {
    try await withRouter { router in
      let listener = Listener(router: router)
      let pool = Pool(router: router, services: [listener])
      let heard = Receiver<[Int]>(router: router)
      try await router.myself.call(Listener.report, .init(to: heard.sender))
      let sender = try #require(try await router.myself.call(Listener.open, .init(count: 1)).first)
      try await sender.send(7)
      #expect(try await heard.get(timeout: .seconds(20)) == [7])
      await pool.close()
      #expect(await listener.hasEnded)
    }
  }

  @Test func `a service on a handle of its own`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router)
      try await pool.add(OldFiles())
      let child = try await router.local()
      let text = try await child.call {
        try await ExternalContext.current?.master.callService(at: OldFiles.handle, ["path": "/etc/motd"])
      }
      #expect(text == "content of /etc/motd for 1")
      #expect(try await router.myself.callService(at: 500, ["path": "/etc/motd"]) == "content of /etc/motd for 0")
      func refusal(_ arguments: PickledValue) async -> String? {
        await #expect(throws: CallError.self) { try await router.myself.callService(at: 500, arguments) }?.message
      }
      #expect(await refusal([:]) == "Required argument 'path' missing.")
      #expect(await refusal(["path": 3]) == "Argument 'path' type incorrect, got 'int', expected 'str'")
      #expect(await refusal([1, 2]) == "Invalid message format.")
      #expect(
        await refusal(["path": .string(String(repeating: "x", count: 2_000))]) == "Message size exceeded")
      #expect(await refusal(["path": "/secret"]) == "secret")
      // Nothing is sent back, when that is what it wants.
      let silent = await #expect(throws: ChannelError.self) {
        try await router.myself.callService(at: 500, ["path": "/silent"])
      }
      #expect(silent?.reason == "the method sends no reply")
      let unwelcome = try await router.local(via: child)
      let refused = await #expect(throws: CallError.self) {
        try await unwelcome.call {
          _ = try await ExternalContext.current?.master.callService(at: 500, ["path": "/etc/motd"])
        }
      }
      #expect(refused?.causes.first?.message.hasPrefix("Caller is not authorized to invoke 'dispatch'") == true)
      await #expect(throws: (any Error).self) { try await pool.add(OldFiles()) }
      await pool.close()
      let closed = await #expect(throws: ChannelError.self) { try await router.myself.callService(at: 500) }
      #expect(closed?.reason == "invalid handle")
    }
  }
}

/// Hears numbers on receivers that it makes when asked to.
actor Listener: Service {
  nonisolated let select = Select<Message>(oneshot: false)
  private let router: Router
  private var receivers: [Receiver<Message>] = []
  private var reporter: Sender<[Int]>?
  private var inside = 0
  private var most = 0
  private(set) var hasEnded = false

  init(router: Router) { self.router = router }

  struct Reporter: Codable, Sendable { var to: Sender<[Int]> }
  struct Wish: Codable, Sendable { var count: Int }

  private func report(to sender: Sender<[Int]>) { reporter = sender }

  private func open(_ count: Int) throws -> [Sender<Int>] {
    var senders: [Sender<Int>] = []
    for _ in 0..<count {
      let receiver = Receiver<Message>(router: router)
      receivers.append(receiver)
      try select.add(receiver)
      if let handle = receiver.handle { senders.append(try Sender(context: router.myself, handle: handle)) }
    }
    return senders
  }

  private func closeAll() throws -> Int {
    defer { receivers = [] }
    for receiver in receivers { try select.remove(receiver) }
    return receivers.count
  }

  func onMessage(_ event: SelectEvent<Message>) async {
    // On the actor, one event after the other.
    inside += 1
    most = max(most, inside)
    defer { inside -= 1 }
    await Task.yield()
    guard let message = try? event.value, let number = try? PickleDecoder().decode(Int.self, from: message.payload)
    else { return }
    try? await reporter?.send([number])
  }

  func onShutdown() async { hasEnded = true }

  static let report = ServiceMethod<Listener, Reporter, NoResult>("report", policy: .allowParents) {
    listener, reporter in
    listener.report(to: reporter.to)
  }
  static let open = ServiceMethod<Listener, Wish, [Sender<Int>]>("open", policy: .allowParents) { listener, wish in
    try listener.open(wish.count)
  }
  static let closeAll = ServiceMethod<Listener, NoArguments, Int>("closeAll", policy: .allowParents) {
    try $0.closeAll()
  }
  static let most = ServiceMethod<Listener, NoArguments, Int>("most", policy: .allowParents) { $0.most }
  static var methods: [AnyServiceMethod<Listener>] {
    report
    open
    closeAll
    most
  }
}

/// As services were in the beginning.
actor OldFiles: HandleService {
  static let handle: Handle = 500
  static let requiredArguments: [String: ArgumentKind] = ["path": .string]
  static let policy = Policy { $0.message.source.rawValue < 2 }
  static let maxMessageSize = 1_000

  func dispatch(_ arguments: [String: PickledValue], _ message: Message) async throws -> PickledValue? {
    switch arguments["path"] {
    case "/secret": throw ServiceError("secret")
    case "/silent": return nil
    case .string(let path): return .string("content of \(path) for \(message.source)")
    default: return PickledValue.none
    }
  }
}
