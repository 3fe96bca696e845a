/// Connection methods as Python contexts ask for them: all options in one dictionary, and only those that differ from
/// Mitogen's defaults. The counterpart of ``PythonMethodOptions``.
enum PythonMethodForm {
  /// A method as Mitogen has it.
  private struct Form: Sendable {
    /// The method with our defaults.
    let template: any ConnectionMethod
    /// Of each group exactly one option must be there.
    var required: [[String]] = []
    /// The names of its other options.
    var optional: [String] = []
  }

  private static let forms: [String: Form] = [
    "local": Form(template: LocalConnection()),
    "fork": Form(template: ForkConnection()),
    "ssh": Form(
      template: SSHConnection(hostname: ""), required: [["hostname"]],
      optional: [
        "username", "port", "ssh_path", "ssh_args", "check_host_keys", "password", "identity_file", "identities_only",
        "compression", "keepalive_enabled", "keepalive_interval", "keepalive_count", "ssh_debug_level",
      ]),
    "sudo": Form(
      template: SudoConnection(),
      optional: [
        "username", "sudo_path", "password", "preserve_env", "set_home", "login", "selinux_role", "selinux_type",
        "sudo_args",
      ]),
    "su": Form(
      template: SuConnection(),
      optional: ["username", "password", "su_path", "password_prompt", "incorrect_prompts"]),
    "doas": Form(
      template: DoasConnection(),
      optional: ["username", "password", "doas_path", "password_prompt", "incorrect_prompts"]),
    "docker": Form(
      template: DockerConnection(container: ""), required: [["container", "image"]],
      optional: ["username", "docker_path"]),
    "podman": Form(
      template: PodmanConnection(container: ""), required: [["container"]], optional: ["username", "podman_path"]),
    "buildah": Form(
      template: BuildahConnection(container: ""), required: [["container"]], optional: ["username", "buildah_path"]),
    "jail": Form(
      template: JailConnection(container: ""), required: [["container"]], optional: ["username", "jexec_path"]),
    "kubectl": Form(
      template: KubectlConnection(pod: ""), required: [["pod"]], optional: ["kubectl_path", "kubectl_args"]),
    "lxc": Form(template: LXCConnection(container: ""), required: [["container"]], optional: ["lxc_attach_path"]),
    "lxd": Form(template: LXDConnection(container: ""), required: [["container"]], optional: ["lxc_path"]),
    "incus": Form(template: IncusConnection(container: ""), required: [["container"]], optional: ["incus_path"]),
    "setns": Form(
      template: SetnsConnection(container: "", kind: .docker), required: [["container"], ["kind"]],
      optional: ["username", "docker_path", "lxc_path", "lxc_info_path", "machinectl_path"]),
  ]

  /// The common options.
  private static let common: Set<String> = [
    "name", "remote_name", "python_path", "connect_timeout", "debug", "profiling", "unidirectional", "max_message_size",
  ]

  /// Makes a method of Mitogen's options.
  ///
  /// - Parameters:
  ///   - name: What the new context is to be called, if that is said apart from the options.
  ///   - options: Mitogen's dictionary.
  /// - Throws: ``StreamError`` if an option is missing, or means nothing to the method; what decoding throws if it has
  ///   another type than it should.
  static func method(_ methodName: String, name: String?, options: PickledValue) throws -> any ConnectionMethod {
    let entries: [PickledValue.Entry]
    switch options {
    case .dictionary(let list), .keywords(let list): entries = list
    default: throw StreamError("invalid message: the options of \(methodName) are no dictionary")
    }
    guard let form = forms[methodName] else { throw StreamError("there is no method \(methodName)") }
    var method = try decode(form, methodName, try entries.compactMap { entry in try own(entry, form, methodName) })
    method.options = try commonOptions(options, name: name)
    return method
  }

  /// An option of the method itself; nil if it is a common one, or as it would be without.
  private static func own(
    _ entry: PickledValue.Entry, _ form: Form, _ methodName: String
  ) throws -> PickledValue.Entry? {
    guard case .string(let name) = entry.key else { throw StreamError("invalid message: an option without a name") }
    guard !common.contains(name) else { return nil }
    guard form.optional.contains(name) || form.required.contains(where: { $0.contains(name) }) else {
      throw StreamError("\(methodName) has no option \(name)")
    }
    return entry.value == .none ? nil : entry
  }

  private static func decode(
    _ form: Form, _ methodName: String, _ given: [PickledValue.Entry]
  ) throws -> any ConnectionMethod {
    for group in form.required {
      let count = given.filter { entry in group.contains { entry.key == .string($0) } }.count
      guard count == 1 else {
        throw StreamError("\(methodName) needs \(group.joined(separator: " or "))\(count > 1 ? ", not both" : "")")
      }
    }
    guard case .dictionary(let defaults) = try Unpickled(PickleEncoder().encode(form.template)).root.value else {
      throw StreamError("\(methodName) cannot be asked for")
    }
    let replaced = form.required.flatMap { $0 }.map { PickledValue.string($0) } + given.map(\.key)
    let whole = defaults.filter { !replaced.contains($0.key) } + given
    let kind: any ConnectionMethod.Type = type(of: form.template)
    return try decode(kind, try PickleEncoder().encode(PickledValue.dictionary(whole)))
  }

  private static func decode<Method: ConnectionMethod>(
    _ type: Method.Type, _ bytes: [UInt8]
  ) throws -> any ConnectionMethod { try PickleDecoder().decode(type, from: bytes) }

  private static func commonOptions(_ options: PickledValue, name: String?) throws -> ConnectionOptions {
    let root = try Unpickled(PickleEncoder().encode(options)).root
    func value<Value: Decodable>(_ name: String, _ type: Value.Type = Value.self) throws -> Value? {
      guard let node = root[name], !node.isNone else { return nil }
      return try node.decode(type, userInfo: [:])
    }
    var result = ConnectionOptions(name: try name ?? value("name"))
    result.remoteName = try value("remote_name")
    result.debug = try value("debug") ?? false
    result.profiling = try value("profiling") ?? false
    result.unidirectional = try value("unidirectional")
    result.python = try value("python_path")
    // Mitogen takes nothing, and no time, for its default.
    if let seconds = try value("connect_timeout", Double.self), seconds > 0, seconds < 1e9 {
      result.connectTimeout = .seconds(1) * seconds
    }
    return result
  }
}
