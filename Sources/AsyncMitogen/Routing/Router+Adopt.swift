internal import Glibc
internal import Synchronization

/// From a process that has been started to a context that is up.
extension Router {
  /// Makes a process that has been launched a child, once it says that it is up.
  ///
  /// - Throws: ``ConnectionError``, ``PasswordError``, ``HostKeyError`` or `CancellationError`; the process is then
  ///   killed and reaped.
  func adopt(_ launched: LaunchedChild, id: ContextID, name: String, timeout: Duration) async throws -> Context {
    guard !isEnding else {
      launched.process?.signal(SIGKILL)
      throw ConnectionError.cancelled(name)
    }
    let link = table.reserveLink()
    let stream = Stream(
      link: link, name: name, router: self, loop: loop, transport: launched.transport,
      maximumMessageSize: configuration.maxMessageSize)
    streams[link] = stream
    let reader = outputReader(of: launched, link)
    children[link] = ChildLink(context: id, name: name, process: launched.process, errorOutput: reader)
    children[link]?.endHint = launched.start.endHint
    children[link]?.isDirect = launched.start.firstStage == nil && !launched.start.isPython
    let result: Result<BootstrapReport, any Error> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let timer = loop.schedule(after: timeout) { [weak self] in
          self?.enter { $0.connectingTimedOut(link, timeout) }
        }
        let loop = loop
        children[link]?.connecting = { result in
          loop.cancel(timer)
          continuation.resume(returning: result)
        }
        do {
          try reader?.start()
          try launched.process?.watch()
          launched.process?.onExit { [weak self] status in
            self?.enter { $0.childExited(link, status) }
          }
          // If what it asks comes among the frames, they begin when it has let us in.
          if launched.start.login?.stream == nil { try begin(launched.start, link) }
        } catch {
          abandon(link, ConnectionError.failed(name, "\(error)"))
        }
      }
    } onCancel: {
      loop.enqueue { [weak self] in self?.enter { $0.abandon(link, ConnectionError.cancelled(name)) } }
    }
    switch result {
    case .success: return context(id)
    case .failure(let error):
      if Task.isCancelled { throw CancellationError() }
      throw error
    }
  }

  /// Starts to hear a child's stream.
  private func begin(_ start: ChildStart, _ link: LinkIdentifier, with beginning: [UInt8] = []) throws {
    try streams[link]?.enter { stream in
      try stream.start(dialogue: start.dialogue, beginning: beginning) { [weak self] action in
        self?.enter { $0.act(action, link, start) }
      }
      if start.firstStage == nil, !start.isPython { stream.send(raw: start.greeting) }
    }
  }

  private func act(_ action: StartDialogue.Action, _ link: LinkIdentifier, _ start: ChildStart) {
    switch action {
    case .sendGreeting: streams[link]?.enter { $0.send(raw: start.greeting) }
    case .sendImage(let facts): sendImage(for: facts, link, start)
    case .imageIsRead: streams[link]?.enter { $0.imageIsRead() }
    case .ready(let report):
      childIsUp(link, report)
      if report.image != nil, let child = children[link] {
        keepAlive(link, to: child.context, every: start.keepAlive)
      }
    case .failed(.ended(let lines)): notePrinted(lines, link)
    case .failed(.firstStage(let failure, let lines)):
      notePrinted(lines, link)
      // Without a shell's word there is more to learn from how the process ends.
      guard failure.cause != .noShell, failure.cause != .ended, let child = children[link] else { return }
      abandon(link, ConnectionError.firstStage(child.name, failure))
    }
  }

  private func notePrinted(_ lines: [String], _ link: LinkIdentifier) {
    for line in lines { children[link]?.printed.append(line) }
  }

  private func childIsUp(_ link: LinkIdentifier, _ report: BootstrapReport) {
    guard var child = children[link], let connecting = child.connecting else { return }
    child.connecting = nil
    child.isUp = true
    child.image = report.image
    child.endHint = nil
    children[link] = child
    child.errorOutput?.succeed()
    names.withLock { $0.set(child.context, child.name) }
    table.openLink(link, to: child.context)
    eventHub.tell(.linkOpened(LinkDescription(name: child.name, contextID: child.context)))
    eventHub.tell(.connected(Context(router: self, id: child.context, name: child.name)))
    announce(child.context, child.name)
    connecting(.success(report))
  }

  // MARK: the program

  /// Sends the program that fits a machine; read and compressed where that delays nobody.
  private func sendImage(for facts: TargetFacts, _ link: LinkIdentifier, _ start: ChildStart) {
    guard let (stage, image) = start.firstStage, let name = children[link]?.name else { return }
    let loop = loop
    Task.detached { [weak self] in
      let result: Result<ImagePayload, any Error>
      do {
        let prepared = try await image.prepared(for: facts.platform)
        result = .success(
          try await prepared.payload(for: facts, isNear: stage.isNear, isKept: stage.cache != .none))
      } catch {
        result = .failure(error)
      }
      loop.enqueue {
        self?.enter { router in
          switch result {
          case .success(let payload):
            router.streams[link]?.enter { stream in
              stream.send(image: payload, isNear: stage.isNear)
              stream.send(raw: start.greeting)
            }
          case .failure(let error): router.abandon(link, ConnectionError.failed(name, "\(error)"))
          }
        }
      }
    }
  }

  /// Some of a program has been written.
  func streamSendsImage(_ link: LinkIdentifier, sent: Int, total: Int) {
    guard let child = children[link] else { return }
    let upload = ImageUpload(
      context: Context(router: self, id: child.context, name: child.name), sentBytes: sent, totalBytes: total)
    for observer in uploadObservers.values { observer.yield(upload) }
  }

  // MARK: asking

  private func outputReader(of launched: LaunchedChild, _ link: LinkIdentifier) -> (any ChildOutputReader)? {
    guard let broker else { return nil }
    guard let login = launched.start.login else {
      return launched.errorOutput.map { output in
        LineReader(descriptor: output, poller: broker.core.poller) { [weak self] line in
          self?.enter { $0.childPrinted(line, link) }
        }
      }
    }
    guard let descriptor = login.stream ?? launched.errorOutput else { return nil }
    let start = launched.start
    return LoginReader(
      descriptor: descriptor, dialogue: login.dialogue, poller: broker.core.poller, loop: loop,
      authenticate: login.authenticate
    ) { [weak self] event in
      self?.enter { router in
        switch event {
        case .line(let line, _): router.childPrinted(line, link)
        case .failed(let error): router.abandon(link, error)
        case .started(let bytes):
          do {
            try router.begin(start, link, with: bytes)
          } catch {
            router.abandon(link, error)
          }
        }
      }
    }
  }

  // MARK: giving up

  private func connectingTimedOut(_ link: LinkIdentifier, _ timeout: Duration) {
    guard let child = children[link] else { return }
    var error = ConnectionError.timedOut(child.name, timeout)
    if let prompt = child.errorOutput?.unansweredPrompt {
      error.message += ": it waits for an answer to \"\(prompt)\""
      error.hint = "connect with an authenticate closure that answers it"
    }
    abandon(link, error)
  }

  /// Gives up on a child that is not up yet.
  func abandon(_ link: LinkIdentifier, _ error: any Error) {
    guard let child = children[link], let connecting = child.connecting else { return }
    children[link]?.connecting = nil
    child.process?.signal(SIGKILL)
    if var error = error as? ConnectionError {
      error.lines = child.printed.lines
      error.route = [contextID]
      connecting(.failure(error))
    } else {
      connecting(.failure(error))
    }
    streams[link]?.enter { $0.close(.ended(isAtBoundary: true)) }
  }
}

/// How much of a program has been sent to a machine.
public struct ImageUpload: Sendable {
  /// The context that is to run it there.
  public let context: Context
  /// How many bytes the system has taken.
  public let sentBytes: Int
  /// How many bytes it takes, as sent.
  public let totalBytes: Int
}
