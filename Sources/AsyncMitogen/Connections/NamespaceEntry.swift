internal import CAsyncMitogen

/// How to run something as if it had been started in a container: this program again, which enters the container's
/// namespaces before it has threads, and goes on as a context there; or, where that is to run another image, becomes the
/// first stage.
struct NamespaceEntry: Sendable, Hashable {
  /// The container's first process.
  let leader: Int32
  /// Who to be in it.
  let username: String

  /// The namespaces, in the order in which they are entered: the user's last, for the others may need the rights of
  /// this one.
  static let namespaces = ["ipc", "uts", "net", "pid", "mnt", "user"]

  /// The command line in the container. Its shell stays: a process that enters a namespace of processes is not in it,
  /// only its children are.
  static func commandLine(boot: [String]) -> [String] {
    ["/bin/sh", "-c", ShellQuoting.join(boot) + "; exit $?"]
  }

  /// What makes this very program a context in the container: it needs nothing that is in there.
  func launchPlan(child name: String) -> LaunchPlan {
    LaunchPlan(
      path: "/proc/self/exe", arguments: [AMT_ENTER_MARKER, "\(leader)", username, AMT_CHILD_MARKER + name],
      environment: [AMT_CHILD_VARIABLE: "1"])
  }

  /// What starts `boot` in the container.
  func launchPlan(boot: [String]) -> LaunchPlan {
    LaunchPlan(
      path: "/proc/self/exe",
      arguments: [AMT_ENTER_MARKER, "\(leader)", username] + NamespaceEntry.commandLine(boot: boot),
      environment: [AMT_CHILD_VARIABLE: "1"])
  }
}
