extension Router {
  /// Begins to hear the parent, and to be heard by it.
  ///
  /// - Parameters:
  ///   - greeting: What is sent before the first frame.
  ///   - interval: How often the parent lets hear from itself; nil if it does not promise to.
  func attachParent(
    _ transport: any Transport, greeting: [UInt8], isOfOurKind: Bool = true, keepAlive interval: Duration? = nil
  ) throws {
    guard let parent = table.parentID else { return }
    parentIsOfOurKind = isOfOurKind
    let link = table.addLink(to: parent)
    let stream = Stream(
      link: link, name: "parent", router: self, loop: loop, transport: transport,
      maximumMessageSize: configuration.maxMessageSize)
    streams[link] = stream
    eventHub.tell(.linkOpened(LinkDescription(name: stream.name, contextID: parent)))
    try stream.enter { stream in
      try stream.start()
      stream.send(raw: greeting)
    }
    keepAlive(link, to: parent, every: interval)
  }

  /// Calls `body` once everything for the parent is written; at once if it is gone.
  func flushParent(_ body: @escaping @Sendable () -> Void) {
    guard let link = table.parentLink, let stream = streams[link] else { return body() }
    stream.enter { $0.flush() }
    guard stream.enter({ $0.pendingBytes }) > 0 else { return body() }
    _ = loop.schedule(after: .milliseconds(1)) { [weak self] in self?.enter { $0.flushParent(body) } }
  }
}
