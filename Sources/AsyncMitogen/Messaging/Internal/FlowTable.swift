import Synchronization

/// The flows that this process sends, each shared by all senders to one receiver. A port has one table.
final class FlowTable: Sendable {
  /// Finds out whether a context acknowledges what it consumes, and says so once, at once or later.
  ///
  /// It may stay silent if the context is lost, of which the flow hears itself.
  typealias CapabilityQuery = @Sendable (ContextID, @escaping @Sendable (Bool) -> Void) -> Void

  private struct Key: Hashable {
    var destination: ContextID
    var handle: Handle
  }

  /// A class: a weak field of a struct in a dictionary crashed when it was read (Swift 6.3.1, not optimised).
  private final class Entry: Sendable {
    weak let flow: Flow?
    let identity: ObjectIdentifier

    init(_ flow: Flow) {
      self.flow = flow
      identity = ObjectIdentifier(flow)
    }
  }

  /// How far a sender may be ahead, in bytes.
  let window: UInt64
  private let capabilityQuery: CapabilityQuery
  private let entries = Mutex<[Key: Entry]>([:])
  private let handlesGiven = Atomic<UInt32>(0)

  /// Makes an empty table.
  init(window: UInt64 = FlowControl.window, capabilityQuery: @escaping CapabilityQuery) {
    self.window = window
    self.capabilityQuery = capabilityQuery
  }

  /// The flow to a receiver, which lives as long as somebody holds it.
  func flow(to destination: ContextID, handle: Handle, through port: any MessagePort) -> Flow {
    let key = Key(destination: destination, handle: handle)
    // Held until after the lock: to release the last reference to it comes back here.
    var known: Flow?
    return entries.withLock { entries in
      known = entries[key]?.flow
      // What failed stays failed for those who know; a new sender may have reason to hope for a new receiver.
      if let known, !known.hasFailed { return known }
      let flow = Flow(to: destination, handle: handle, through: port, table: self)
      entries[key] = Entry(flow)
      return flow
    }
  }

  /// The number of flows in use.
  var count: Int { entries.withLock { $0.count } }

  /// Removes the entry of a flow that is going, unless another flow has taken its place.
  fileprivate func forget(_ identity: ObjectIdentifier, to destination: ContextID, handle: Handle) {
    let key = Key(destination: destination, handle: handle)
    // The weak reference is not looked at: to release what it gives could end a flow here, under the lock.
    entries.withLock { if $0[key]?.identity == identity { $0[key] = nil } }
  }

  /// A handle that was not given out lately; after a billion they begin again, and the port says which are taken.
  fileprivate func newHandle() -> Handle {
    let number = handlesGiven.wrappingAdd(1, ordering: .relaxed).oldValue
    return Handle(rawValue: Handle.firstFlow.rawValue + number % (.max - Handle.firstFlow.rawValue))
  }

  fileprivate func ask(_ context: ContextID, _ answer: @escaping @Sendable (Bool) -> Void) {
    capabilityQuery(context, answer)
  }
}

/// What this process sends to one receiver, no further ahead of it than a window: a ``FlowState`` with real tasks.
final class Flow: Sendable {
  fileprivate enum Outcome: Sendable {
    case granted
    case failed(ChannelError)
    case cancelled
  }

  /// The context of the receiver.
  let destination: ContextID
  /// The receiver's handle in it.
  let handle: Handle
  /// The way there.
  let port: any MessagePort

  private let table: FlowTable
  private let state: Mutex<FlowState<Parked<Outcome>>>
  private let registration = Mutex<Void>(())
  private let replyTo = Atomic<UInt32>(Handle.none.rawValue)

  fileprivate init(to destination: ContextID, handle: Handle, through port: any MessagePort, table: FlowTable) {
    self.destination = destination
    self.handle = handle
    self.port = port
    self.table = table
    state = Mutex(FlowState(window: table.window, peerAcknowledges: destination == port.contextID))
  }

  deinit {
    let replyTo = replyTo.load(ordering: .acquiring)
    if replyTo != Handle.none.rawValue { port.unregister(Handle(rawValue: replyTo)) }
    table.forget(ObjectIdentifier(self), to: destination, handle: handle)
  }

  /// Sends a message as soon as there is room for it.
  func send(_ encoding: MessageEncoding, _ payload: [UInt8]) async throws {
    let message = try message(encoding, payload)
    switch state.withLock({ $0.admit(message.flowSize) }) {
    case .granted: break
    case .failed(let error): throw error
    case .full(let asks):
      if asks { ask() }
      try await waitForRoom(message.flowSize)
    }
    port.post(message)
  }

  /// Sends a message at once, whether there is room or not.
  func post(_ encoding: MessageEncoding, _ payload: [UInt8]) throws {
    let message = try message(encoding, payload)
    try state.withLock { state in try state.force(message.flowSize) }
    port.post(message)
  }

  /// Sends the dead message that ends the receiver's iteration.
  func postEnd() {
    port.post(.dead(DeadReason.senderClosed, destination: destination, source: port.contextID, handle: handle))
  }

  /// Whether nothing arrives any more.
  var hasFailed: Bool { state.withLock { $0.failure != nil } }

  /// The number of tasks that wait for room.
  var waiterCount: Int { state.withLock { $0.waiterCount } }

  private func message(_ encoding: MessageEncoding, _ payload: [UInt8]) throws -> Message {
    Message(
      destination: destination, source: port.contextID, handle: handle, replyTo: try open(), encoding: encoding,
      payload: payload)
  }

  /// Registers the handle that hears of consumption, when something is sent for the first time.
  private func open() throws -> Handle {
    let known = replyTo.load(ordering: .acquiring)
    if known != Handle.none.rawValue { return Handle(rawValue: known) }
    // This lock is only for those who register; what the port calls back takes the state's.
    return try registration.withLock { _ in
      let known = replyTo.load(ordering: .acquiring)
      if known != Handle.none.rawValue { return Handle(rawValue: known) }
      for _ in 0..<16 {
        let candidate = HandlerRegistration(handle: table.newHandle(), respondent: destination)
        guard let handle = try? port.register(candidate, handler: { [weak self] in self?.hear($0) }) else { continue }
        replyTo.store(handle.rawValue, ordering: .releasing)
        return handle
      }
      throw StreamError("no handle is free for hearing what \(destination) has consumed")
    }
  }

  private func hear(_ message: Message) {
    if message.isDead {
      let error = ChannelError(dead: message, in: port.contextID, respondent: destination)
      for waiter in state.withLock({ $0.fail(error) }) { waiter.resume(.failed(error)) }
    } else if message.source == destination, message.payload.count <= 20,
      let total = UInt64(String(decoding: message.payload, as: UTF8.self))
    {
      for waiter in state.withLock({ $0.acknowledge(total) }) { waiter.resume(.granted) }
    }
  }

  private func ask() {
    table.ask(destination) { [weak self] acknowledges in
      guard let self else { return }
      for waiter in self.state.withLock({ $0.answer(acknowledges) }) { waiter.resume(.granted) }
    }
  }

  private func waitForRoom(_ size: Int) async throws {
    let ticket = Ticket.next()
    let outcome = await park { parked in
      enter(parked, size, ticket)
    } leave: { [self] in
      state.withLock { $0.leave(ticket) }?.resume(.cancelled)
    }
    switch outcome {
    case .granted: return
    case .failed(let error): throw error
    case .cancelled: throw CancellationError()
    }
  }

  private func enter(_ parked: Parked<Outcome>, _ size: Int, _ ticket: Ticket) -> Outcome? {
    let (outcome, asks): (Outcome?, Bool) = state.withLock { state in
      if Task.isCancelled { return (.cancelled, false) }
      switch state.admit(size) {
      case .granted: return (.granted, false)
      case .failed(let error): return (.failed(error), false)
      case .full(let asks):
        state.enter(parked, size: size, ticket: ticket)
        return (nil, asks)
      }
    }
    if asks { ask() }
    return outcome
  }
}
