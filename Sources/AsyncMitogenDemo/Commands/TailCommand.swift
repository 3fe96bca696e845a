/// `tail`
struct TailCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let tail: TailOptions

  func run() async throws -> Int32 { ExitCode.failure }
}
