import AsyncMitogen
import Glibc

@main
struct AsyncMitogenDemo {
  static func main() async { await go() }
  @concurrent static func go() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.first == "bench" { exit(await BenchCommand.run(Array(arguments.dropFirst()))) }
    do {
      try await withRouter { router in
        let child = try await router.local()
        let n = Int(arguments.last ?? "") ?? 1000
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        for _ in 0..<n { _ = try await child.call { 1 } }
        var then = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &then)
        let ns = (then.tv_sec - now.tv_sec) * 1_000_000_000 + then.tv_nsec - now.tv_nsec
        print("per call us", Double(ns) / 1000 / Double(n))
      }
    } catch {
      print("failed:", error)
    }
  }
}
