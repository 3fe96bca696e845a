/// Which links are not read for now, because what they send cannot be passed on as fast.
///
/// A neighbour below that sends faster than another one reads is slowed down; one that takes nothing at all for a while
/// is not waited for, and messages to it are refused instead. Pure.
struct IngressPauses: Sendable {
  /// From this many waiting bytes on, those who send to a link are not read.
  static let highWatermark = 16 << 20
  /// Below this many waiting bytes they are read again.
  static let lowWatermark = 4 << 20
  /// How long a link may take nothing before messages to it are refused.
  static let patience = Duration.seconds(5)

  private var sources: [LinkIdentifier: Set<LinkIdentifier>] = [:]
  private var stalled: Set<LinkIdentifier> = []

  /// Whether messages to a link are refused.
  func isStalled(_ link: LinkIdentifier) -> Bool { !stalled.isEmpty && stalled.contains(link) }

  /// Whether anybody waits for a link.
  func hasWaiting(for link: LinkIdentifier) -> Bool { sources[link] != nil }

  /// A link is full because of what came in on another one; says whether that one is new.
  mutating func pause(_ ingress: LinkIdentifier, for egress: LinkIdentifier) -> Bool {
    let isNew = !sources.values.contains { $0.contains(ingress) }
    sources[egress, default: []].insert(ingress)
    return isNew
  }

  /// A link has taken enough, or is gone; returns those that may be read again.
  mutating func resume(_ egress: LinkIdentifier) -> [LinkIdentifier] {
    stalled.remove(egress)
    guard let waiting = sources.removeValue(forKey: egress) else { return [] }
    return waiting.filter { link in !sources.values.contains { $0.contains(link) } }.sorted()
  }

  /// A link has taken nothing for too long; returns those that may be read again.
  mutating func stall(_ egress: LinkIdentifier) -> [LinkIdentifier] {
    let freed = resume(egress)
    stalled.insert(egress)
    return freed
  }

  /// A link is gone, as a source too.
  mutating func remove(_ link: LinkIdentifier) -> [LinkIdentifier] {
    for egress in sources.keys {
      sources[egress]?.remove(link)
      if sources[egress]?.isEmpty == true { sources[egress] = nil }
    }
    return resume(link)
  }
}

extension Router {
  /// More waits for a link than it should.
  func streamIsFull(_ egress: LinkIdentifier, _ pending: Int, _ ingress: LinkIdentifier?) {
    // What comes from above is never held back: it may be the order to end. What is this context's own is bounded by
    // whoever sends it.
    guard let ingress, ingress != table.parentLink else {
      if pending > table.maximumMessageSize + 2 * IngressPauses.highWatermark, !pauses.isStalled(egress),
        !pauses.hasWaiting(for: egress)
      {
        watchProgress(of: egress)
      }
      return
    }
    if !pauses.hasWaiting(for: egress) { watchProgress(of: egress) }
    if pauses.pause(ingress, for: egress) {
      streams[ingress]?.enter { $0.pauseReading(true) }
    }
  }

  private func watchProgress(of egress: LinkIdentifier) {
    guard let stream = streams[egress] else { return }
    let before = stream.enter { $0.writtenBytes }
    _ = loop.schedule(after: IngressPauses.patience) { [weak self] in
      self?.enter { router in
        guard let stream = router.streams[egress] else { return }
        let (written, pending) = stream.enter { ($0.writtenBytes, $0.pendingBytes) }
        guard pending > IngressPauses.highWatermark else { return }
        guard written == before else { return router.watchProgress(of: egress) }
        router.resumeReading(router.pauses.stall(egress))
      }
    }
  }

  /// A stream has written what it could; `pending` bytes are left.
  func streamIsPending(_ link: LinkIdentifier, _ pending: Int) {
    if pending == 0, detachment.phase == .leaving, link == table.parentLink { parentHasEverything() }
    guard pending < IngressPauses.lowWatermark, pauses.hasWaiting(for: link) || pauses.isStalled(link) else { return }
    resumeReading(pauses.resume(link))
  }

  func resumeReading(_ links: [LinkIdentifier]) {
    for link in links { streams[link]?.enter { $0.pauseReading(false) } }
  }
}
