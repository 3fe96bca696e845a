internal import AsyncMitogen
internal import Glibc

/// `fetch`: collects a file from all targets.
struct FetchCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let file: IncomingFile

  func run() async throws -> Int32 { try await report().print(asJSON: options.json) }

  /// Fetches the files.
  func report() async throws -> TransferReport {
    let destinations = try destinations()
    return try await TransferReport.of("fetch", results: "fetches", options, targets) { tree, _ in
      var board = TransferBoard(stage: "fetch")
      for node in tree.members { board.add(.target(node.context.id), name: node.name) }
      return await TransferDisplay.showing(board) { display in
        await withTaskGroup(of: (ContextID, Result<TransferReport.Transfer, any Error>).self) { group in
          for node in tree.members {
            guard let destination = node.target.flatMap({ destinations[$0] }) else { continue }
            group.addTask { (node.context.id, await take(from: node.context, to: destination, display)) }
          }
          return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
      }
    }
  }

  private func take(
    from context: Context, to destination: String, _ display: TransferDisplay
  ) async -> Result<TransferReport.Transfer, any Error> {
    let answer = await TransferReport.Transfer.measuring {
      let file = IncomingFile(source: file.source, destination: destination, resumes: file.resumes)
      return try await file.fetch(from: context) {
        await display.move(.target(context.id), to: $0.position, of: $0.metadata.size)
      }
    }
    await display.end(.target(context.id), isDone: (try? answer.get()) != nil)
    return answer
  }

  /// Where the files go: of one target where it was said, of several each under its own name in a directory.
  private func destinations() throws -> [TargetSpec: String] {
    guard targets.count > 1 else {
      return Dictionary(uniqueKeysWithValues: targets.map { ($0, file.destination) })
    }
    guard unsafe mkdir(file.destination, 0o777) == 0 || errno == EEXIST else {
      throw FileError(action: "make the directory", path: file.destination, code: errno)
    }
    guard FileStatus.of(file.destination)?.kind == .directory else {
      throw TransferError("'\(file.destination)' is no directory, as it has to be for several targets")
    }
    let names = TargetNames(targets)
    let paths = FetchPaths.names(of: targets.map { names[$0] }).map { file.destination + "/" + $0 }
    return Dictionary(uniqueKeysWithValues: zip(targets, paths))
  }
}
