internal import Glibc
internal import Synchronization

extension Router {
  /// Who waits for whom in this context, as text: each call that waits for its result with its way, age and deadline, each
  /// function that runs, each handler and what waits for it, each link and its queue. Mitogen's `mitogen.debug`.
  ///
  /// For people: the form may change. Also works while all threads are blocked by calls, as long as the one that called
  /// this is not. See Docs/Troubleshooting.md for how to read it.
  public func dump() -> String {
    let now = loop.now
    var dump = DumpText()
    let place =
      parentIDs.isEmpty ? "the master" : "below context \(parentIDs.map(\.description).joined(separator: ", "))"
    dump.title("context \(contextID), \(place), process \(getpid())" + (isEnding ? ", is ending" : ""))
    let entries = handlers.withLock { $0.all }
    dump.section("calls that wait for their result", entries.compactMap { line(ofCall: $0, $1, now) })
    callDump.withLock { $0 }?(&dump, now)
    services.pool?.enter { $0.dump(into: &dump) }
    dump.section("links", streams.sorted { $0.key < $1.key }.map { line(ofLink: $0, $1) })
    dump.section(
      "contexts being started",
      children.sorted { $0.key < $1.key }.filter { $1.connecting != nil }.map { "\($1.name), context \($1.context)" })
    dump.section("contexts", table.knownContexts.map { line(of: $0) })
    dump.section(
      "tasks that wait for the end of a context",
      shutdownWaiters.sorted { $0.key < $1.key }.map { "\($1.count) for that of context \($0)" })
    dump.section("senders", ["\(flows.count) flows"])
    dump.section("handlers", entries.compactMap { line(ofHandler: $0, $1) })
    return dump.text
  }

  /// The dump of another context, from its broker: it answers also while calls block all its threads.
  ///
  /// - Throws: ``ChannelError`` if the context is gone, not below this one, or none of ours; ``TimeoutError``;
  ///   `CancellationError`.
  public nonisolated func dump(of context: Context, timeout: Duration = .seconds(5)) async throws -> String {
    let reply = try await request(
      Message(destination: context.id, handle: .diagnostics, payload: Array(DiagnosticsRequest.dump.rawValue.utf8)),
      respondent: context.id, timeout: timeout)
    return String(decoding: reply.payload, as: UTF8.self)
  }

  /// The dumps of this context and of all that are below it, one after the other; of those that do not answer in time it
  /// says so.
  public func dumpTree(timeout: Duration = .seconds(5)) async -> String {
    let contexts = reachableContexts
    let own = dump()
    let others = await Router.ask(contexts) { context in
      do { return try await self.dump(of: context, timeout: timeout) } catch {
        return DumpText.printable("context \(context.id) (\(context)) does not answer: \(error)") + "\n"
      }
    }
    return ([own] + contexts.map { others[$0.id] ?? "" }).joined(separator: "\n")
  }

  // MARK: lines

  private func line(ofCall handle: Handle, _ entry: HandlerTable.Entry, _ now: UInt64) -> String? {
    guard let awaited = entry.action.awaited else { return nil }
    let target = entry.respondent.map { way(to: $0) } ?? "anybody"
    let called = awaited.called.meaning ?? "handle \(awaited.called)"
    return "\(called) in \(target), answer to handle \(handle), "
      + DumpText.wait(since: awaited.since, deadline: awaited.deadline, now: now)
  }

  private func way(to context: ContextID) -> String {
    let name = names.withLock { $0[context] }.map { " (\($0))" } ?? ""
    guard context != contextID else { return "this context" }
    guard let link = table.linkOrParent(to: context) else {
      return "context \(context)\(name), to which no way is known"
    }
    return "context \(context)\(name) over \(streams[link]?.name ?? "link \(link)")"
  }

  private func line(ofLink link: LinkIdentifier, _ stream: Stream) -> String {
    let (traffic, pending, isListening) = stream.enter { ($0.traffic, $0.pendingBytes, $0.isListening) }
    var parts = [
      "\(stream.name) to \(table.links[link].map { "context \($0.remote)" } ?? "one that is being started")",
      "\(pending) bytes wait to be written", "\(traffic.sentMessages) messages out, \(traffic.receivedMessages) in",
    ]
    if !isListening { parts.append("not read, because others take what it brings too slowly") }
    if pauses.hasWaiting(for: link) { parts.append("those who send to it are held back") }
    if pauses.isStalled(link) { parts.append("takes nothing, and messages to it are refused") }
    return parts.joined(separator: "; ")
  }

  private func line(of record: RouteMap.Record) -> String {
    let name = names.withLock { $0[record.context] }.map { " (\($0))" } ?? ""
    return "\(record.context)\(name) over \(streams[record.link]?.name ?? "link \(record.link)"): "
      + "\(record.traffic.sentMessages) messages to it, \(record.traffic.receivedMessages) from it"
  }

  private func line(ofHandler handle: Handle, _ entry: HandlerTable.Entry) -> String? {
    guard entry.action.awaited == nil else { return nil }
    var parts: [String]
    switch entry.action {
    case .router: parts = ["\(handle): \(handle.meaning ?? "of the router")"]
    case .reply: parts = ["\(handle): waits for one message"]
    case .closure: parts = ["\(handle): \(handle.isFlow ? "hears what was consumed" : "a handler")"]
    case .queue(let queue):
      parts = ["\(handle): a receiver, \(queue.count) messages wait, \(queue.waiterCount) tasks wait"]
    }
    if let respondent = entry.respondent { parts.append("from context \(respondent) only") }
    if !entry.persists { parts.append("once") }
    return parts.joined(separator: ", ")
  }
}

extension Context {
  /// Who waits for whom in this context; see ``Router/dump()``.
  ///
  /// - Throws: As ``Router/dump(of:timeout:)``.
  public func dump(timeout: Duration = .seconds(5)) async throws -> String {
    try await requireRouter().dump(of: self, timeout: timeout)
  }
}
