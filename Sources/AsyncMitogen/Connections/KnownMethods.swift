/// The connection methods that there are, by Mitogen's names.
enum KnownMethods {
  /// What a context can be asked to start another one with.
  static let all: [String: any ConnectionMethod.Type] = Dictionary(
    uniqueKeysWithValues: [
      LocalConnection.self, ForkConnection.self, SSHConnection.self, SudoConnection.self, SuConnection.self,
      DoasConnection.self,
      DockerConnection.self, PodmanConnection.self, BuildahConnection.self, JailConnection.self,
      KubectlConnection.self, LXCConnection.self, LXDConnection.self, IncusConnection.self, SetnsConnection.self,
    ].map { (type: any ConnectionMethod.Type) in (type.methodName, type) })
}
