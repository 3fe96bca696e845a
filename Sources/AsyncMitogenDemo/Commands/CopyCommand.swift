/// `copy`
struct CopyCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let copy: CopyOptions

  func run() async throws -> Int32 { ExitCode.failure }
}
