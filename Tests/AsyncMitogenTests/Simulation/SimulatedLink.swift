@testable import AsyncMitogen

/// Two ends of a link in memory that reads and writes in pieces of any size, as a socket may.
///
/// Safe to share for the reason that its simulation is.
final class SimulatedTransport: Transport, @unchecked Sendable {
  private let loop: SimulatedLoop
  private weak var peer: SimulatedTransport?
  private weak var handler: (any ReadinessHandler)?
  private var interest: Readiness = []
  private var incoming: [UInt8] = []
  private let capacity: Int
  private(set) var isClosed = false
  private var peerIsClosed = false
  private var wasCut = false
  private var isTellScheduled = false
  /// How many bytes have been written to this end, and how many may be until the link breaks.
  private(set) var received = 0
  var receivesAtMost = Int.max
  /// What has been written to this end, if that is to be known.
  var recorded: [UInt8]?

  private init(loop: SimulatedLoop, capacity: Int?) {
    self.loop = loop
    self.capacity = capacity ?? loop.simulation.random(40...4_000)
  }

  /// Two ends, each of which holds this many bytes that are not read yet; a number from the seed if nil.
  static func pair(
    _ first: SimulatedLoop, _ second: SimulatedLoop, capacity: Int? = nil
  ) -> (SimulatedTransport, SimulatedTransport) {
    let left = SimulatedTransport(loop: first, capacity: capacity)
    let right = SimulatedTransport(loop: second, capacity: capacity)
    left.peer = right
    right.peer = left
    return (left, right)
  }

  func read(_ first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer) -> TransportResult {
    guard !isClosed else {
      wasCut = false
      return .end
    }
    guard !incoming.isEmpty else { return peerIsClosed ? .end : .wouldBlock }
    let count = loop.simulation.random(1...min(incoming.count, first.count + second.count))
    let inFirst = min(count, first.count)
    unsafe first.copyBytes(from: incoming[..<inFirst])
    if count > inFirst { unsafe second.copyBytes(from: incoming[inFirst..<count]) }
    incoming.removeFirst(count)
    peer?.tell()
    tell()
    return .bytes(count)
  }

  func write(_ pieces: ArraySlice<[UInt8]>, offset: Int) -> TransportResult {
    guard !isClosed, let peer, !peer.isClosed else { return .end }
    let free = peer.capacity - peer.incoming.count
    guard free > 0 else { return .wouldBlock }
    var bytes: [UInt8] = []
    for (index, piece) in pieces.enumerated() where bytes.count < free {
      bytes += index == 0 ? piece[offset...] : piece[...]
    }
    let count = min(loop.simulation.random(1...min(free, bytes.count)), peer.receivesAtMost - peer.received)
    peer.incoming += bytes[..<count]
    peer.received += count
    peer.recorded? += bytes[..<count]
    peer.tell()
    // What has been written is still read at the other end.
    if peer.received >= peer.receivesAtMost { cut() }
    return .bytes(count)
  }

  /// Breaks the link when so many more bytes have been written at this end.
  func writesAtMost(_ count: Int) {
    guard let peer else { return }
    peer.receivesAtMost = peer.received + count
  }

  func start(_ handler: any ReadinessHandler) {
    self.handler = handler
    interest = .readable
    tell()
  }

  func setInterest(_ interest: Readiness) {
    self.interest = interest
    tell()
  }

  func tellAgain() { tell() }

  func finishWriting() {
    peer?.peerIsClosed = true
    peer?.tell()
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    incoming = []
    peer?.peerIsClosed = true
    peer?.tell()
  }

  /// Breaks the link: both ends find it at its end.
  func cut() {
    close()
    wasCut = true
    tell()
  }

  /// What it is ready for now, as a poller that tells levels would say.
  private var readiness: Readiness {
    if isClosed { return wasCut ? [.readable] : [] }
    var readiness: Readiness = []
    if !incoming.isEmpty || peerIsClosed { readiness.insert(.readable) }
    if let peer, peer.isClosed || peer.incoming.count < peer.capacity { readiness.insert(.writable) }
    return readiness.intersection(interest)
  }

  private func tell() {
    guard !isTellScheduled, handler != nil, !readiness.isEmpty else { return }
    isTellScheduled = true
    // Not at once: nothing on a real machine is.
    _ = loop.schedule(after: .nanoseconds(loop.simulation.random(0...3) * 50_000)) { [weak self] in
      guard let self else { return }
      isTellScheduled = false
      let readiness = readiness
      guard !readiness.isEmpty, let handler else { return }
      handler.ready(readiness)
      tell()
    }
  }
}
