internal import Synchronization

/// The door of a pool: what has come and has not been looked at, and how much waits behind it altogether.
///
/// Messages come on the broker, which does not wait for the pool: they stand here in their order until it takes them.
final class PoolIntake: Sendable {
  enum Item: Sendable {
    case request(Message)
    /// Nobody waits for a request any more.
    case cancel(CallAdmission.Key)
    /// A context is gone, and waits for nothing any more.
    case gone(ContextID)
  }

  enum Offer: Sendable {
    /// It will be taken; the pool has to be told if nobody has told it.
    case accepted(wakesPool: Bool)
    case full
    case closed
  }

  private struct State: Sendable {
    var items = RingBuffer<Item>()
    var waitingCount = 0
    var waitingBytes = 0
    var turnedAwayCount = 0
    var isAwake = false
    var isClosed = false
  }

  let limit: QueueLimit
  private let state = Mutex(State())

  init(limit: QueueLimit) { self.limit = limit }

  /// How many requests wait, here and behind the door.
  var waitingCount: Int { state.withLock { $0.waitingCount } }

  /// How many requests have been refused here.
  var turnedAwayCount: Int { state.withLock { $0.turnedAwayCount } }

  /// Something has come.
  func offer(_ item: Item) -> Offer {
    state.withLock { state in
      switch item {
      case .request(let message):
        if state.isClosed { return .closed }
        let size = PoolIntake.size(of: message)
        let isFull = state.waitingCount >= limit.messages || state.waitingBytes > limit.bytes - size
        // One always has room, however large.
        if isFull, state.waitingCount > 0 {
          state.turnedAwayCount += 1
          return .full
        }
        state.waitingCount += 1
        state.waitingBytes += size
      case .cancel, .gone:
        // To cancel what does not exist costs memory too; what is lost here merely runs in vain.
        if state.items.count >= 2 * limit.messages { return .full }
      }
      state.items.append(item)
      defer { state.isAwake = true }
      return .accepted(wakesPool: !state.isAwake)
    }
  }

  /// Takes what came first. After nil, the next offer has to wake the pool.
  func take() -> Item? {
    state.withLock { state in
      if let item = state.items.popFirst() { return item }
      state.isAwake = false
      return nil
    }
  }

  /// A request waits no longer: it runs, or has been answered.
  func leave(_ message: Message) { leave(bytes: PoolIntake.size(of: message)) }

  /// As ``leave(_:)``, of a request of which only the size is known.
  func leave(bytes: Int) {
    state.withLock { state in
      state.waitingCount -= 1
      state.waitingBytes -= bytes
    }
  }

  /// No request comes in any more, but still who gives up; returns the requests that have not been taken, in order.
  func close() -> [Message] {
    state.withLock { state in
      state.isClosed = true
      var messages: [Message] = []
      var rest = RingBuffer<Item>()
      while let item = state.items.popFirst() {
        guard case .request(let message) = item else {
          rest.append(item)
          continue
        }
        messages.append(message)
        state.turnedAwayCount += 1
        state.waitingCount -= 1
        state.waitingBytes -= PoolIntake.size(of: message)
      }
      state.items = rest
      return messages
    }
  }

  static func size(of message: Message) -> Int { message.payload.count + MessageHeader.size }
}
