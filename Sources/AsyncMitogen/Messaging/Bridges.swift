extension Sender {
  /// Sends what a sequence yields, an `AsyncStream` for example, until it ends; waits where ``send(_:)`` does.
  ///
  /// The receiver is not told of the end: call ``close()`` for that.
  ///
  /// - Throws: what the sequence and ``send(_:)`` throw.
  public func send<Elements: AsyncSequence>(contentsOf elements: Elements) async throws
  where Elements.Element == Element {
    for try await element in elements { try await send(element) }
  }
}

extension Receiver {
  /// The elements as the standard library's stream, for interfaces that ask for one.
  ///
  /// Nothing is taken ahead of the stream's consumer. The receiver itself costs a thirtieth as much per element.
  public var stream: AsyncThrowingStream<Element, any Error> {
    AsyncThrowingStream {
      var iterator = makeAsyncIterator()
      return try await iterator.next(isolation: nil)
    }
  }
}
