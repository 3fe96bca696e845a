/// `top`
struct TopCommand {
  let options: TreeOptions
  let targets: [TargetSpec]
  let top: TopOptions

  func run() async throws -> Int32 { ExitCode.failure }
}
