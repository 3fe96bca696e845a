/// What the command lines of podman, buildah and docker have in common.
enum ContainerCommand {
  /// The account in a container, if it is not its own choice.
  static func user(_ name: String?) -> [String] { name.map { ["--user=\($0)"] } ?? [] }

  /// `program action [--user=name] option … -- container word word …`
  static func line(
    _ program: String, _ action: String, user name: String?, options: [String] = [], in container: String,
    boot: [String]
  ) -> [String] {
    [program, action] + user(name) + options + ["--", container] + boot
  }
}
