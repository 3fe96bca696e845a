internal import Glibc

/// Shows what AsyncMitogen does: starts contexts, calls code in them, and leaves nothing behind.
///
/// `main` is synchronous on purpose. An asynchronous one hands its thread to libdispatch, which there waits with every
/// signal unblocked, so that an interrupt would end the program in the middle of its work; here that thread is the one
/// that waits for signals, and the work is a task that they cancel.
@main
struct AsyncMitogenDemo {
  static func main() {
    // A reader of our output that goes away is an error of `write`, so that children are ended in order then too.
    _ = signal(SIGPIPE, SIG_IGN)
    let interruption = Interruption()
    let arguments = Array(CommandLine.arguments.dropFirst())
    // Detached, for `main` counts as the main actor's, whose thread is about to wait.
    let work = Task.detached {
      let status = await Program.run(arguments)
      exit(interruption.exitStatus ?? status)
    }
    interruption.wait(cancelling: work)
  }
}
