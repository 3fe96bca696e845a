/// Notices that nothing comes over a link any more, though nobody has closed it. Pure.
///
/// Each side says something at least once an interval, so a side that hears nothing for several knows that the link is
/// dead: a machine that has lost its power, or a network that is cut, closes nothing.
struct KeepAlive: Sendable {
  /// For how many intervals nothing may come.
  static let limit = 4

  private var received: UInt64 = 0
  private var silent = 0

  enum Verdict: Sendable, Equatable {
    case alive
    case dead
  }

  /// An interval has passed.
  ///
  /// - Parameters:
  ///   - total: How many bytes have come since the link began.
  ///   - isListening: Whether anything is read from it now.
  mutating func tick(received total: UInt64, isListening: Bool) -> Verdict {
    guard total == received, isListening else {
      received = total
      silent = 0
      return .alive
    }
    silent += 1
    return silent >= KeepAlive.limit ? .dead : .alive
  }
}

extension Router {
  /// Begins to watch a link, and to let the other side know that this one is there.
  func keepAlive(_ link: LinkIdentifier, to neighbour: ContextID, every interval: Duration?) {
    guard let interval, interval > .zero else { return }
    watch(link, neighbour, interval, KeepAlive())
  }

  private func watch(_ link: LinkIdentifier, _ neighbour: ContextID, _ interval: Duration, _ state: KeepAlive) {
    _ = loop.schedule(after: interval) { [weak self] in
      self?.enter { router in
        guard let stream = router.streams[link], !router.isEnding else { return }
        var state = state
        switch stream.enter({ state.tick(received: $0.receivedBytes, isListening: $0.isListening) }) {
        case .alive:
          router.keepAliveMessages &+= 1
          router.route(
            Message(destination: neighbour, source: router.contextID, handle: .keepAlive, payload: []), from: nil)
          router.watch(link, neighbour, interval, state)
        case .dead:
          Router.log.error(
            "\(stream.name): nothing has been heard for \(interval * KeepAlive.limit), so the link is given up")
          router.children[link]?.printed.append("nothing was heard for \(interval * KeepAlive.limit)")
          stream.enter { $0.close(.ended(isAtBoundary: true)) }
        }
      }
    }
  }
}
