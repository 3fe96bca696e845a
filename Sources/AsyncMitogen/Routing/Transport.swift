internal import CAsyncMitogen
internal import Glibc

/// What carries the bytes of a stream: descriptors, or memory in a simulation.
///
/// Used on the lane only, but for `close`.
protocol Transport: AnyObject, Sendable {
  /// Reads into one place, then the other; how many bytes, or why none.
  func read(_ first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer) -> TransportResult
  /// Writes the pieces, the first from `offset` on; how many bytes, or why none.
  func write(_ pieces: ArraySlice<[UInt8]>, offset: Int) -> TransportResult
  /// Writes one piece from `offset` on.
  func write(_ piece: [UInt8], offset: Int) -> TransportResult
  /// Starts telling `handler` when something can be read or written.
  func start(_ handler: any ReadinessHandler) throws
  /// Changes what `handler` is told.
  func setInterest(_ interest: Readiness)
  /// Has `handler` told again of what it has been told of and has not taken.
  func tellAgain()
  /// Tells the other side that nothing more will be written. What it writes can still be read.
  func finishWriting()
  /// Ends the transport in both directions. Calling it again has no effect.
  func close()
}

extension Transport {
  func write(_ piece: [UInt8], offset: Int) -> TransportResult { write([piece][...], offset: offset) }
}

/// How reading or writing went.
enum TransportResult: Sendable, Equatable {
  case bytes(Int)
  /// Nothing can be done now.
  case wouldBlock
  /// The other side is gone; nothing will be done any more.
  case end
}

/// A transport over one descriptor, or one for each direction.
final class DescriptorTransport: Transport {
  private let input: FileDescriptor
  private let output: FileDescriptor
  private let outputIsSocket: Bool
  private let poller: Poller
  private let keepsAlive: Bool

  /// Takes over descriptors, which are made non-blocking.
  init(input: FileDescriptor, output: FileDescriptor, poller: Poller, keepsAlive: Bool) {
    self.input = input
    self.output = output
    self.poller = poller
    self.keepsAlive = keepsAlive
    outputIsSocket = amt_is_socket(output.number) == 1
    _ = amt_set_nonblocking(input.number, 1)
    if output !== input { _ = amt_set_nonblocking(output.number, 1) }
  }

  func read(_ first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer) -> TransportResult {
    result(unsafe amt_read(input.number, first.baseAddress, first.count, second.baseAddress, second.count), atEnd: .end)
  }

  func write(_ pieces: ArraySlice<[UInt8]>, offset: Int) -> TransportResult {
    let count = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: pieces.count) { vectors in
      // The arrays are held by `pieces` for the whole call, and nobody writes to them, so their storage stays where it
      // is also after `withUnsafeBytes` has returned.
      for (index, piece) in pieces.enumerated() {
        unsafe piece.withUnsafeBytes { bytes in
          let skip = index == 0 ? offset : 0
          unsafe vectors[index] = iovec(
            iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.advanced(by: skip),
            iov_len: bytes.count - skip)
        }
      }
      return unsafe amt_write(output.number, vectors.baseAddress, Int32(vectors.count), outputIsSocket ? 1 : 0)
    }
    return result(count, atEnd: .wouldBlock)
  }

  func write(_ piece: [UInt8], offset: Int) -> TransportResult {
    guard outputIsSocket else { return write([piece][...], offset: offset) }
    let count = unsafe piece.withUnsafeBytes { bytes in
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
      return unsafe amt_send(output.number, rest.baseAddress, rest.count)
    }
    return result(count, atEnd: .wouldBlock)
  }

  /// One socket in both directions is told of in edges: a read that brings less than it could has emptied it. A
  /// terminal gives what it has in portions.
  private var edges: Readiness { output === input && outputIsSocket ? .edges : [] }

  func start(_ handler: any ReadinessHandler) throws {
    try poller.register(
      input.number, interest: edges.union(.readable), keepsAlive: keepsAlive, handler: handler)
    guard output !== input else { return }
    try poller.register(output.number, interest: [], keepsAlive: false, handler: handler)
  }

  func setInterest(_ interest: Readiness) {
    if output === input { return poller.setInterest(input.number, edges.union(interest)) }
    poller.setInterest(input.number, interest.intersection(.readable))
    poller.setInterest(output.number, interest.intersection(.writable))
  }

  func tellAgain() { if output === input { poller.tellAgain(input.number) } }

  func finishWriting() {
    if outputIsSocket {
      _ = amt_finish_writing(output.number)
    } else if output !== input {
      poller.unregister(output.number)
      _ = amt_replace_descriptor(output.number)
    }
  }

  func close() {
    poller.unregister(input.number)
    if output !== input { poller.unregister(output.number) }
    // Whoever else holds the same open file, such as a program that inherited it, does not keep the peer waiting.
    _ = shutdown(input.number, Int32(SHUT_RDWR))
    if output !== input { _ = shutdown(output.number, Int32(SHUT_RDWR)) }
  }

  private func result(_ count: Int, atEnd: TransportResult) -> TransportResult {
    if count > 0 { return .bytes(count) }
    if count == 0 { return atEnd }
    let code = Int32(-count)
    return code == EAGAIN || code == EINTR ? .wouldBlock : .end
  }
}
