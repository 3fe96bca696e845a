/// How far senders may be ahead of those who consume what they send.
///
/// A sender's messages carry, as their reply address, a handle of the sending process. When a consumer has consumed
/// half a window of what came with that address, it sends there how many bytes it has consumed since the beginning, in
/// decimal. A sender that is more than a window ahead waits. Mitogen's receivers ignore the address, except that a dead
/// message is sent to it when there is nobody to receive; so a sender that is about to wait first finds out whether
/// the other side ever answers.
enum FlowControl {
  /// How many bytes may be sent but not consumed: 1 MiB, as for Mitogen's file transfers.
  static let window: UInt64 = 1 << 20
  /// The size of a message's header.
  static let headerSize = 26
}

extension Message {
  /// What the message counts for in windows and limits, in bytes.
  var flowSize: Int { payload.count + FlowControl.headerSize }
}

/// The sending side of flow control: who may send now, and who waits.
///
/// Generic over who waits, so that tests can use names where a sender has continuations.
struct FlowState<Waiter> {
  /// What is known of the other side.
  private enum Peer: Equatable {
    case unknown
    case asked
    case acknowledges
    /// It never says what it consumed: nobody waits.
    case silent
  }

  /// What becomes of somebody who wants to send.
  enum Admission {
    /// It may send, and that is counted already.
    case granted
    /// It has to wait; if `asks`, find out whether the other side knows of windows.
    case full(asks: Bool)
    /// Nothing that is sent will arrive.
    case failed(ChannelError)
  }

  /// How far to be ahead, in bytes.
  let window: UInt64

  private var sent: UInt64 = 0
  private var acknowledged: UInt64 = 0
  private var peer: Peer
  private var waiters = WaitingLine<(size: Int, waiter: Waiter)>()

  /// Why nothing arrives, if that is so.
  private(set) var failure: ChannelError?

  /// Makes the state of a sender that has sent nothing.
  ///
  /// - Parameters:
  ///   - window: How far to be ahead, in bytes.
  ///   - peerAcknowledges: Whether it is certain that the other side knows of windows.
  init(window: UInt64 = FlowControl.window, peerAcknowledges: Bool = false) {
    self.window = window
    peer = peerAcknowledges ? .acknowledges : .unknown
  }

  /// The number of bytes sent but not known to be consumed.
  var outstanding: UInt64 { sent - acknowledged }
  /// The number of tasks that wait.
  var waiterCount: Int { waiters.count }

  private var hasRoom: Bool { peer == .silent || outstanding <= window }

  /// Asks to send a message of `size` bytes; nobody overtakes those who wait.
  mutating func admit(_ size: Int) -> Admission {
    if let failure { return .failed(failure) }
    if hasRoom, waiters.isEmpty {
      sent += UInt64(size)
      return .granted
    }
    guard peer == .unknown else { return .full(asks: false) }
    peer = .asked
    return .full(asks: true)
  }

  /// Counts a message that is sent whether there is room or not.
  mutating func force(_ size: Int) throws(ChannelError) {
    if let failure { throw failure }
    sent += UInt64(size)
  }

  /// Puts a waiter at the end of the line; only after ``admit(_:)`` said that it has to wait.
  mutating func enter(_ waiter: Waiter, size: Int, ticket: Ticket) {
    waiters.append((size, waiter), ticket: ticket)
  }

  /// Takes a waiter out of the line, nil if it may send already.
  mutating func leave(_ ticket: Ticket) -> Waiter? { waiters.remove(ticket)?.waiter }

  /// Notes how much has been consumed since the beginning; returns who may send now.
  mutating func acknowledge(_ total: UInt64) -> [Waiter] {
    // Acknowledgements may overtake each other, and a peer may make them up.
    guard total >= acknowledged, total <= sent else { return [] }
    acknowledged = total
    if peer != .silent { peer = .acknowledges }
    return release()
  }

  /// Notes whether the other side knows of windows; returns who may send now.
  mutating func answer(_ acknowledges: Bool) -> [Waiter] {
    guard peer == .asked else { return [] }
    peer = acknowledges ? .acknowledges : .silent
    return release()
  }

  /// Notes that nothing will arrive any more; returns everyone, to be told so.
  mutating func fail(_ error: ChannelError) -> [Waiter] {
    guard failure == nil else { return [] }
    failure = error
    return waiters.removeAll().map(\.waiter)
  }

  private mutating func release() -> [Waiter] {
    var released: [Waiter] = []
    while hasRoom, let (size, waiter) = waiters.popFirst() {
      sent += UInt64(size)
      released.append(waiter)
    }
    return released
  }
}
