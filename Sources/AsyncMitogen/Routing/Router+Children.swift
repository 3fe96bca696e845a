internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// A child of this context and what is known of its process.
struct ChildLink: Sendable {
  let context: ContextID
  let name: String
  let process: ChildProcess?
  /// Reads what it prints outside of its own log, such as what the system says when it cannot be started.
  let errorOutput: (any ChildOutputReader)?
  /// Whether it was started as the context itself, and not as a program that brings us to it.
  var isDirect = false
  /// It has said that it goes on without this context.
  var isDetached = false
  /// Which image it runs, if it is one of ours and has come up.
  var image: ImageIdentity?
  var isUp = false
  /// What may help if it ends before it is up.
  var endHint: String?
  /// The last lines that it printed.
  var printed = LineHistory(lineLimit: 100, byteLimit: 16_384)
  /// Its stream has ended, and the process is waited for.
  var end: StreamEnd?
  /// Told whether it came up; nil once it has been.
  var connecting: (@Sendable (Result<BootstrapReport, any Error>) -> Void)?

  /// Whether the process is the context: it was started so, or what was started has become it, as sudo can.
  var isItself: Bool {
    guard !isDirect, let process else { return true }
    let number = unsafe open("/proc/\(process.processID)/cmdline", O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return false }
    let file = FileDescriptor(number)
    let marker = Array(AMT_CHILD_MARKER.utf8)
    var start = [UInt8](repeating: 0, count: marker.count)
    return unsafe read(file.number, &start, start.count) == start.count && start == marker
  }

  /// Logs a line that came from the process past its own log.
  func logPrinted(_ line: String) {
    LoggingSystem.shared.log(
      LogRecord(level: .info, logger: "stderr", message: line, contextID: context, contextName: name))
  }
}

extension Router {
  /// How long a process that has closed its stream may take to end by itself, and then after a friendly signal.
  private static let exitPatience = Duration.milliseconds(50)
  private static let terminationPatience = Duration.seconds(1)

  // MARK: what children print

  /// A line that a child, or what was to become one, printed where its parent sees it.
  func childPrinted(_ line: String, _ link: LinkIdentifier) {
    guard children[link] != nil else { return }
    children[link]?.printed.append(line)
    if children[link]?.isUp == true {
      children[link]?.logPrinted(line)
    } else {
      Router.log.debug("\(children[link]?.name ?? "child"): \(line)")
    }
  }

  /// A child tells what it printed, which its log leaves out.
  func receivePrinted(_ message: Message, _ link: LinkIdentifier?) {
    guard let link, !message.isDead, children[link]?.context == message.source else { return }
    children[link]?.printed.append(String(decoding: message.payload.prefix(4_096), as: UTF8.self))
  }

  /// A log record passes: if it is what a child of ours printed, it is remembered for the case that the child crashes.
  func notePrinted(_ message: Message, _ link: LinkIdentifier) {
    guard children[link]?.context == message.source, !message.isDead,
      let log = ForwardedLog(payload: message.payload), log.logger == "stdout" || log.logger == "stderr"
    else { return }
    children[link]?.printed.append(log.message)
  }

  // MARK: the end of a link

  /// A stream has ended: the process is given a moment to end too, so that it can be said how.
  func streamEnded(_ link: LinkIdentifier, _ reason: StreamEnd) {
    let stream = streams.removeValue(forKey: link)
    eventHub.tell(.linkClosed(description(of: link, stream?.name ?? "stream")))
    resumeReading(pauses.remove(link))
    switch reason {
    case .corrupt(.badSignature(let received)):
      Router.log.error(
        "\(stream?.name ?? "stream"): Corruption detected: frame signature incorrect. This likely means some external "
          + "process is interfering with the connection. Received:\n\n\(received.prefix(64))")
    case .corrupt(.tooLarge(let length, let limit)):
      Router.log.error(
        "\(stream?.name ?? "stream"): Maximum message size exceeded (got \(length), max \(limit))")
    case .ended(isAtBoundary: false):
      Router.log.warning("\(stream?.name ?? "stream"): ended in the middle of a message")
    case .ended, .bootstrapFailed: break
    }
    guard let child = children[link] else { return linkIsGone(link, detail: peerIsGone(link)) }
    if child.isDetached { return detachedChildIsGone(link, child) }
    children[link]?.end = reason
    guard let process = child.process, process.status == nil else { return childIsGone(link, child.process?.status) }
    let loop = loop
    _ = loop.schedule(after: Router.exitPatience) { [weak process] in
      guard let process, process.status == nil else { return }
      process.signal(SIGTERM)
      _ = loop.schedule(after: Router.terminationPatience) { [weak process] in process?.signal(SIGKILL) }
    }
  }

  func childExited(_ link: LinkIdentifier, _ status: ExitStatus) {
    guard let child = children[link] else { return }
    eventHub.tell(.processExited(Context(router: self, id: child.context, name: child.name), status))
    // What it wrote before it ended may still be unread; the end of the stream comes behind it.
    if child.end != nil { return childIsGone(link, status) }
    streams[link]?.ready(.readable)
    guard children[link] != nil, children[link]?.end == nil else { return }
    // A process of its own holds the other end: it is not the context.
    _ = loop.schedule(after: Router.exitPatience) { [weak self] in
      self?.enter { router in
        router.streams[link]?.enter { $0.close(.ended(isAtBoundary: true)) }
      }
    }
  }

  /// A child that goes on without this context has closed its stream.
  private func detachedChildIsGone(_ link: LinkIdentifier, _ child: ChildLink) {
    children[link] = nil
    _ = child.errorOutput?.finish()
    // A program that brought us there would stay as long as the context does. It is not asked to end: some pass that on.
    // What has been released hears nothing of this.
    child.process?.signal(SIGKILL)
    linkIsGone(link, detail: "\(child.name) has detached, and goes on by itself")
  }

  private func childIsGone(_ link: LinkIdentifier, _ status: ExitStatus?) {
    guard var child = children.removeValue(forKey: link) else { return }
    for line in child.errorOutput?.finish() ?? [] {
      child.printed.append(line)
      if child.isUp { child.logPrinted(line) }
    }
    let lines = child.printed.lines
    if let connecting = child.connecting {
      var error = ConnectionError.ended(child.name, status)
      error.lines = lines
      error.route = [contextID]
      error.hint = child.endHint
      connecting(.failure(error))
    }
    var detail = child.name + (status.map { " \($0)" } ?? " closed its stream")
    // Who ended as asked has nothing to explain.
    if status?.isSuccess != true, !lines.isEmpty { detail += "; it last printed:\n" + lines.joined(separator: "\n") }
    linkIsGone(link, detail: detail)
  }

  /// A neighbour is gone, and with it everything behind it.
  func linkIsGone(_ link: LinkIdentifier, detail: String?) {
    let isParent = link == table.parentLink
    let neighbour = table.links[link]?.remote
    for context in table.removeLink(link) {
      let reason =
        context == neighbour
        ? detail
        : neighbour.map { "its way led through context \($0)" + (detail.map { ", which is gone: " + $0 } ?? "") }
      contextIsGone(context, detail: reason, tellParent: !isParent)
    }
    if isParent {
      failWaitsBeyondParent()
      let ended = parentEnded
      parentEnded = nil
      ended?(self)
    }
    checkEnd()
    checkLinksEnd()
  }

  /// The link to the parent is gone: whoever waits for a context that was reached over it is told, here and below.
  private func failWaitsBeyondParent() {
    let (table, own) = (table, contextID)
    let waiting = handlers.withLock { handlers in
      handlers.removeWaiting { $0 != own && table.link(to: $0) == nil }
    }
    for waiting in waiting { deliverDead(DeadReason.respondentDisconnected, to: waiting) }
    for (link, contexts) in table.lostDestinations {
      guard let remote = table.links[link]?.remote else { continue }
      for context in contexts { sendDeleteRoute(of: context, nil, to: remote) }
    }
  }

  /// Whether a context is reached over a link of its own, not merely by asking the parent.
  func isReachable(_ context: ContextID) -> Bool { context == contextID || table.link(to: context) != nil }

  /// Whether a neighbour understands what only ours do.
  func isOfOurKind(_ neighbour: ContextID) -> Bool {
    guard let link = table.link(to: neighbour) else { return false }
    if link == table.parentLink { return parentIsOfOurKind }
    return children[link]?.image != nil
  }
}
