internal import AsyncMitogen

/// `copy`: copies a file to all targets.
///
/// Targets fetch it from this process. Where the ways to several part, the context there fetches it first, and they from
/// that: so it goes over no link twice.
struct CopyCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let file: IncomingFile

  func run() async throws -> Int32 { try await report().print(asJSON: options.json) }

  /// Copies the file.
  func report() async throws -> TransferReport {
    let status = try OpenFile(reading: file.source).status()
    guard status.kind == .regular else { throw TransferError("'\(file.source)' is not a file") }
    return try await TransferReport.of("copy", results: "copies", options, targets) { tree, router in
      try await send(status.size, in: tree, on: router)
    }
  }

  /// Copies the file, which has that size, to the targets of a tree.
  func send(_ size: Int, in tree: ContextTree, on router: Router) async throws -> TransferReport.Answers {
    let forks = tree.forks
    let limits = FileServiceLimits(transfers: tree.members.count + forks.count)
    let files = FileService(router: router, limits: limits)
    let pool = Pool(router: router, services: [files])
    try await files.register(file.source)
    var board = TransferBoard(stage: "copy")
    for node in tree.nodes {
      if forks.contains(node.context.id) {
        board.add(.relay(node.context.id), name: "by way of \(node.name)", size: size)
      }
      if node.target != nil { board.add(.target(node.context.id), name: node.name, size: size) }
    }
    let answers = await TransferDisplay.showing(board) { display in
      let distribution = Distribution(
        tree: tree, forks: forks, router: router, display: display, file: file, size: size)
      return await distribution.send(below: nil, from: router.myself)
    }
    await pool.close()
    return answers
  }
}

/// How a file comes to all targets in a tree.
private struct Distribution: Sendable {
  let tree: ContextTree
  let forks: Set<ContextID>
  let router: Router
  let display: TransferDisplay
  let file: IncomingFile
  let size: Int

  private static let log = Logger("\(Program.name).copy")

  /// Sends it to the targets behind a context.
  func send(below node: ContextTree.Node?, from origin: Context) async -> TransferReport.Answers {
    await withTaskGroup(of: TransferReport.Answers.self) { group in
      for child in tree.children(of: node) { group.addTask { await send(to: child, from: origin) } }
      return await group.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    }
  }

  /// Sends it to a context if that is a target, and to those behind it.
  private func send(to node: ContextTree.Node, from source: Context) async -> TransferReport.Answers {
    let origin = forks.contains(node.context.id) ? await relay(at: node, from: source) : source
    async let behind = send(below: node, from: origin)
    guard node.target != nil else { return await behind }
    let answer = await TransferReport.Transfer.measuring {
      try await following(.target(node.context.id)) { positions in
        try await node.context.call(file, origin, positions) { file, origin, positions in
          try await file.fetch(from: origin) { try await positions.send($0.position) }
        }
      }
    }
    return await behind.merging([node.context.id: answer]) { first, _ in first }
  }

  /// Lets a context have the file, to give it to those behind it; returns where these find it: there, or where it is
  /// now if that context has no room for it.
  private func relay(at node: ContextTree.Node, from origin: Context) async -> Context {
    do {
      try await following(.relay(node.context.id)) { positions in
        let relay = FileService.Relay(path: file.source, origin: origin, progress: positions)
        try await node.context.call(FileService.relay, relay)
      }
      return node.context
    } catch {
      if !Task.isCancelled { Distribution.log.warning("\(node.name) does not pass \(file.source) on: \(error)") }
      return origin
    }
  }

  /// Shows how far a transfer is that says so to a sender.
  private func following<Result: Sendable>(
    _ id: TransferBoard.ID, _ body: (Sender<Int>) async throws -> Result
  ) async throws -> Result {
    let positions = Receiver<Int>(router: router)
    defer { positions.close() }
    async let _: Void = {
      for try await position in positions { await display.move(id, to: position, of: size) }
    }()
    do {
      let result = try await body(positions.sender)
      await display.end(id, isDone: true)
      return result
    } catch {
      await display.end(id, isDone: false)
      throw error
    }
  }
}
