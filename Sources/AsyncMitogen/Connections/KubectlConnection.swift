/// A context in a pod of Kubernetes, by kubectl. Mitogen's `kubectl`.
public struct KubectlConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "kubectl"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The name of the pod.
  public var pod: String
  /// kubectl itself: a path, or a name that is looked for in PATH.
  public var kubectlPath: String
  /// Arguments before `exec`, such as a namespace.
  public var kubectlArguments: [String]

  enum CodingKeys: String, CodingKey {
    case options, pod
    case kubectlPath = "kubectl_path"
    case kubectlArguments = "kubectl_args"
  }

  /// Makes the method.
  public init(
    pod: String, kubectlPath: String = "kubectl", kubectlArguments: [String] = [], options: ConnectionOptions = .init()
  ) {
    self.pod = pod
    self.kubectlPath = kubectlPath
    self.kubectlArguments = kubectlArguments
    self.options = options
  }

  /// `kubectl.pod` and the arguments as Python prints a list, as in Mitogen: they say which pod of that name it is.
  public var defaultName: String { "kubectl.\(pod)" + PythonText.list(kubectlArguments) }

  /// `kubectl … exec -it pod -- word word …`
  public func commandLine(boot: [String]) throws -> [String] {
    [kubectlPath] + kubectlArguments + ["exec", "-it", pod, "--"] + boot
  }
}
