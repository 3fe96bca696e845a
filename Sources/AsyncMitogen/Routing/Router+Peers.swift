internal import Synchronization

/// A process that has joined by itself, as against a child, which was started from here.
struct PeerLink: Sendable {
  let context: ContextID
  let name: String
  /// Told once when it has left.
  let left: @Sendable () -> Void
}

extension Router {
  /// How long those who have joined may take nothing of what is still to be sent when the router ends, and how long they
  /// may take to leave then: they have nothing to do but to notice it.
  static let peerPatience = Duration.milliseconds(500)

  /// Makes the process at the other end of a transport a context of this tree.
  ///
  /// - Parameters:
  ///   - answer: What is sent before the first frame.
  ///   - actsForListener: Whether what it says for itself acts on the authority of this context.
  ///   - left: Called on the broker when it has left.
  func attachPeer(
    _ transport: any Transport, id: ContextID, name: String, answer: [UInt8], actsForListener: Bool,
    left: @escaping @Sendable () -> Void
  ) throws {
    guard !isEnding else { throw StreamError("the router has ended") }
    let link = table.reserveLink()
    let stream = Stream(
      link: link, name: name, router: self, loop: loop, transport: transport,
      maximumMessageSize: configuration.maxMessageSize)
    // Nothing is read before this turn of the loop is over, so the order of these does not matter.
    try stream.enter { try $0.start() }
    streams[link] = stream
    peers[link] = PeerLink(context: id, name: name, left: left)
    names.withLock { $0.set(id, name) }
    // What comes from behind it acts for itself: it may have children in places that nobody here trusts.
    table.openLink(
      link, to: id, stampedAuthority: actsForListener ? contextID : nil, stampsNeighbourOnly: actsForListener)
    announce(id, name)
    stream.enter { $0.send(raw: answer) }
  }

  /// The stream of one that has joined has ended; returns what is said of it.
  func peerIsGone(_ link: LinkIdentifier) -> String? {
    guard let peer = peers.removeValue(forKey: link) else { return nil }
    peer.left()
    return "\(peer.name) has left"
  }

  /// Sends those who have joined what is still to be sent, and closes their links.
  func endPeers(patience: Duration) async {
    await endLinks(peers.keys.sorted(), patience: patience)
  }

  /// Leaves the tree that this context has joined: sends what is still to be sent, and closes the link to the parent.
  func leave() async {
    await endLinks(table.parentLink.map { [$0] } ?? [], patience: Router.peerPatience)
  }

  /// Ends links: they are closed when the other side has closed them too, or does nothing for too long.
  private func endLinks(_ links: [LinkIdentifier], patience: Duration) async {
    flushOutbox()
    for link in links { streams[link]?.enter { $0.finishSending() } }
    guard links.contains(where: { streams[$0] != nil }) else { return }
    for link in links { closeIfIdle(link, patience) }
    while links.contains(where: { streams[$0] != nil }) {
      await withCheckedContinuation { linkWaiters.append($0) }
    }
  }

  /// Closes a link after a while, unless something is written to it meanwhile.
  private func closeIfIdle(_ link: LinkIdentifier, _ patience: Duration) {
    guard let before = streams[link]?.enter({ $0.writtenBytes }) else { return }
    _ = loop.schedule(after: patience) { [weak self] in
      self?.enter { router in
        guard let stream = router.streams[link] else { return }
        guard stream.enter({ $0.writtenBytes }) == before else { return router.closeIfIdle(link, patience) }
        stream.enter { $0.close(.ended(isAtBoundary: true)) }
      }
    }
  }

  /// A link is gone: whoever waits for the end of several looks again.
  func checkLinksEnd() {
    for waiter in linkWaiters { waiter.resume() }
    linkWaiters = []
  }
}
