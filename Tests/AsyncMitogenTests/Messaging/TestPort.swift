import Synchronization
import Testing

@testable import AsyncMitogen

/// Ports of several contexts that hear each other, as if every context had a link to every other.
final class TestNetwork: Sendable {
  private let ports = Mutex<[ContextID: TestPort]>([:])

  /// Adds a context.
  ///
  /// - Parameters:
  ///   - acknowledges: What capability queries about any context are answered; not at all if nil.
  func port(_ contextID: ContextID, window: UInt64 = FlowControl.window, acknowledges: Bool? = true) -> TestPort {
    let port = TestPort(contextID, network: self, window: window, acknowledges: acknowledges)
    ports.withLock { $0[contextID] = port }
    return port
  }

  /// Removes a context; the others hear of it.
  func disconnect(_ contextID: ContextID) {
    let others = ports.withLock { ports in
      ports[contextID] = nil
      return Array(ports.values)
    }
    for port in others { port.lose(contextID) }
  }

  fileprivate subscript(_ contextID: ContextID) -> TestPort? { ports.withLock { $0[contextID] } }
}

/// A port without a router: messages arrive while they are posted, and time passes when a test says so.
final class TestPort: MessagePort {
  private struct Entry {
    var registration: HandlerRegistration
    var handler: @Sendable (Message) -> Void
  }

  private struct Timer {
    var due: Duration
    var action: @Sendable () -> Void
  }

  private struct State {
    var entries: [Handle: Entry] = [:]
    var nextHandle = Handle.firstDynamic.rawValue
    var posted: [Message] = []
    var timers: [Int: Timer] = [:]
    var timersMade = 0
    var now = Duration.zero
  }

  let contextID: ContextID
  let flows: FlowTable
  /// Who was asked about, with the way to answer, if the port does not itself.
  let queries: Queries
  private weak let network: TestNetwork?
  private let state = Mutex(State())

  final class Queries: Sendable {
    let open = Mutex<[(ContextID, @Sendable (Bool) -> Void)]>([])
  }

  init(
    _ contextID: ContextID = 0, network: TestNetwork? = nil, window: UInt64 = FlowControl.window,
    acknowledges: Bool? = true
  ) {
    self.contextID = contextID
    self.network = network
    let queries = Queries()
    self.queries = queries
    flows = FlowTable(window: window) { context, answer in
      queries.open.withLock { $0.append((context, answer)) }
      if let acknowledges { answer(acknowledges) }
    }
  }

  // MARK: MessagePort

  func register(_ registration: HandlerRegistration, handler: @escaping @Sendable (Message) -> Void) throws -> Handle {
    try state.withLock { state in
      let handle = registration.handle ?? Handle(rawValue: state.nextHandle)
      if registration.handle == nil { state.nextHandle += 1 }
      guard state.entries[handle] == nil || registration.overwrites else { throw StreamError("handle is taken") }
      state.entries[handle] = Entry(registration: registration, handler: handler)
      return handle
    }
  }

  func unregister(_ handle: Handle) {
    let removed = state.withLock { $0.entries.removeValue(forKey: handle) }
    _ = removed
  }

  func post(_ message: Message) {
    var message = message
    message.source = contextID
    message.authority = contextID
    state.withLock { $0.posted.append(message) }
    if message.destination == contextID {
      deliver(message)
    } else if let other = network?[message.destination] {
      other.deliver(message)
    } else if message.replyTo != .none, !message.isDead {
      deliver(
        .dead("no route to \(message.destination), my ID is \(contextID)", source: contextID, handle: message.replyTo))
    }
  }

  func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    let number = state.withLock { state in
      state.timersMade += 1
      state.timers[state.timersMade] = Timer(due: state.now + delay, action: action)
      return state.timersMade
    }
    return { [weak self] in
      let removed = self?.state.withLock { $0.timers.removeValue(forKey: number) }
      _ = removed
    }
  }

  // MARK: What a test does to it

  /// Delivers a message that arrived.
  func deliver(_ message: Message) {
    let handler = state.withLock { state -> (@Sendable (Message) -> Void)? in
      guard let entry = state.entries[message.handle] else { return nil }
      if let respondent = entry.registration.respondent, !message.isDead, message.source != respondent { return nil }
      if !entry.registration.persists { state.entries[message.handle] = nil }
      return entry.handler
    }
    if let handler { return handler(message) }
    guard message.replyTo != .none, !message.isDead else { return }
    post(.dead("invalid handle", destination: message.source, handle: message.replyTo))
  }

  /// Tells the handlers whose respondent is gone.
  func lose(_ context: ContextID) {
    let lost = state.withLock { state in
      let lost = state.entries.filter { $0.value.registration.respondent == context }
      for handle in lost.keys { state.entries[handle] = nil }
      return lost
    }
    for (handle, entry) in lost {
      entry.handler(.dead(DeadReason.respondentDisconnected, source: contextID, handle: handle))
    }
  }

  /// Lets time pass, and runs the timers that are due.
  func advance(by duration: Duration) {
    let due = state.withLock { state in
      state.now += duration
      let now = state.now
      let due = state.timers.filter { $0.value.due <= now }.sorted { $0.value.due < $1.value.due }
      for (number, _) in due { state.timers[number] = nil }
      return due
    }
    for (_, timer) in due { timer.action() }
  }

  var handles: Set<Handle> { state.withLock { Set($0.entries.keys) } }
  var timerCount: Int { state.withLock { $0.timers.count } }
  var posted: [Message] { state.withLock { $0.posted } }
}

/// Numbers in decimal: the simplest elements.
let decimal = ElementCoder<Int>(
  encode: { (.binary, Array(String($0).utf8)) },
  decode: { message in
    guard let number = Int(String(decoding: message.payload, as: UTF8.self)) else { throw StreamError("not a number") }
    return number
  })

/// Payloads as they are, for their size.
let raw = ElementCoder<[UInt8]>(encode: { (.binary, $0) }, decode: { $0.payload })

extension Receiver<Int> {
  init(_ port: TestPort, persist: Bool = true, respondent: ContextID? = nil, limit: QueueLimit = .standard) {
    self.init(port: port, persist: persist, respondent: respondent, limit: limit, coder: decimal)
  }

  /// Delivers numbers as if others had sent them.
  func feed(_ numbers: Int..., from source: ContextID = 0) throws {
    let handle = try #require(handle)
    let port = try #require(core.queue.port as? TestPort)
    for number in numbers {
      port.deliver(Message(source: source, handle: handle, payload: Array(String(number).utf8)))
    }
  }

  /// Delivers a dead message.
  func feedDead(_ reason: String = "", from source: ContextID = 0) throws {
    let handle = try #require(handle)
    let port = try #require(core.queue.port as? TestPort)
    port.deliver(.dead(reason, source: source, handle: handle))
  }
}

/// Lets other tasks run until something holds, which they bring about.
func eventually(
  _ what: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(30)
  while !condition() {
    try #require(ContinuousClock.now < deadline, what, sourceLocation: sourceLocation)
    await Task.yield()
  }
}
