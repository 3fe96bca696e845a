import AsyncMitogen
import Glibc

@main
struct AsyncMitogenDemo {
  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.first == "bench" { exit(await BenchCommand.run(Array(arguments.dropFirst()))) }
    do {
      try await withRouter { router in
        print("starting")
        let child = try await router.local()
        print("child", child, child.id)
        print(try await child.call { getpid() })
        print(try await child.call(2, 3) { a, b in a + b })
        let grandchild = try await router.local(via: child)
        print(grandchild, try await grandchild.call { getppid() })
        try await child.call { print("hello from the child") }
      }
      print("done")
    } catch {
      print("failed:", error)
    }
  }
}
