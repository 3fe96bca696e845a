internal import AsyncMitogen

/// The ways from one context to the next, by the names that specs have for them.
enum HopMethod: String, CaseIterable, Hashable, Sendable {
  case local, fork, ssh, sudo, su, doas, docker, podman, buildah, kubectl, lxc, lxd, incus, jail, setns

  /// How hops of this method are written.
  var syntax: HopSyntax {
    switch self {
    case .local: HopMethod.localSyntax
    case .fork: HopMethod.forkSyntax
    case .ssh: HopMethod.sshSyntax
    case .sudo: HopMethod.sudoSyntax
    case .su: HopMethod.suSyntax
    case .doas: HopMethod.doasSyntax
    case .docker: HopMethod.dockerSyntax
    case .podman: HopMethod.podmanSyntax
    case .buildah: HopMethod.buildahSyntax
    case .kubectl: HopMethod.kubectlSyntax
    case .lxc: HopMethod.lxcSyntax
    case .lxd: HopMethod.lxdSyntax
    case .incus: HopMethod.incusSyntax
    case .jail: HopMethod.jailSyntax
    case .setns: HopMethod.setnsSyntax
    }
  }

  /// Whether it needs no argument: then its name alone is a hop.
  var standsAlone: Bool {
    switch syntax.argument {
    case .nothing, .user: true
    case .host, .name, .kindAndName: false
    }
  }

  /// The names of all, for a person.
  static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

// MARK: - On this machine, and to another one

extension HopMethod {
  private static let localSyntax = HopSyntax(
    .nothing, [OptionField<LocalConnection>("path", \.path, holdsPaths: true)], initial: { _ in LocalConnection() })

  private static let forkSyntax = HopSyntax(
    .nothing, [OptionField<ForkConnection>](), initial: { _ in ForkConnection() })

  private static let sshSyntax = HopSyntax(
    .host,
    [
      OptionField<SSHConnection>(initial: "hostname"), OptionField("username", \.username),
      OptionField("port", \.port), OptionField("ssh_path", \.sshPath, holdsPaths: true),
      OptionField(list: "ssh_args", \.sshArguments, holdsPaths: true),
      OptionField("check_host_keys", \.checkHostKeys), OptionField("password", \.password),
      OptionField("identity_file", \.identityFile, holdsPaths: true),
      OptionField("identity_passphrase", \.identityPassphrase), OptionField("identities_only", \.identitiesOnly),
      OptionField("compression", \.compression), OptionField("keepalive_enabled", \.keepaliveEnabled),
      OptionField("keepalive_interval", \.keepaliveInterval), OptionField("keepalive_count", \.keepaliveCount),
      OptionField("ssh_debug_level", \.debugLevel), OptionField(list: "password_prompts", \.passwordPrompts),
      OptionField("interactive", \.isInteractive),
    ],
    initial: { options throws(HopError) in SSHConnection(hostname: try options.required("hostname")) })
}

// MARK: - To another user

extension HopMethod {
  private static let sudoSyntax = HopSyntax(
    .user,
    [
      OptionField<SudoConnection>("username", \.username), OptionField("sudo_path", \.sudoPath, holdsPaths: true),
      OptionField("password", \.password), OptionField("preserve_env", \.preserveEnvironment),
      OptionField("set_home", \.setHome), OptionField("login", \.login), OptionField("selinux_role", \.selinuxRole),
      OptionField("selinux_type", \.selinuxType), OptionField(list: "sudo_args", \.sudoArguments, holdsPaths: true),
      OptionField(list: "password_prompts", \.passwordPrompts), OptionField("interactive", \.isInteractive),
    ],
    initial: { _ in SudoConnection() })

  private static let suSyntax = HopSyntax(
    .user,
    [
      OptionField<SuConnection>("username", \.username), OptionField("su_path", \.suPath, holdsPaths: true),
      OptionField("password", \.password), OptionField("password_prompt", \.passwordPrompt),
      OptionField(list: "password_prompts", \.passwordPrompts),
      OptionField(list: "incorrect_prompts", \.incorrectPrompts), OptionField("interactive", \.isInteractive),
    ],
    initial: { _ in SuConnection() })

  private static let doasSyntax = HopSyntax(
    .user,
    [
      OptionField<DoasConnection>("username", \.username), OptionField("doas_path", \.doasPath, holdsPaths: true),
      OptionField("password", \.password), OptionField("password_prompt", \.passwordPrompt),
      OptionField(list: "password_prompts", \.passwordPrompts),
      OptionField(list: "incorrect_prompts", \.incorrectPrompts), OptionField("interactive", \.isInteractive),
    ],
    initial: { _ in DoasConnection() })
}

// MARK: - To a container

extension HopMethod {
  private static let dockerSyntax = HopSyntax(
    .name(option: "container", takesUser: true),
    [
      OptionField<DockerConnection>(initial: "container"), OptionField(initial: "image"),
      OptionField("username", \.username), OptionField("docker_path", \.dockerPath, holdsPaths: true),
    ],
    initial: { options throws(HopError) in
      switch (try options.optional("container"), try options.optional("image")) {
      case (let container?, nil): return DockerConnection(container: container)
      case (nil, let image?): return DockerConnection(image: image)
      case (nil, nil): throw HopError("there is neither a container nor an image")
      case (_?, _?): throw HopError("there can be a container or an image, not both")
      }
    })

  private static let podmanSyntax = HopSyntax(
    .name(option: "container", takesUser: true),
    [
      OptionField<PodmanConnection>(initial: "container"), OptionField("username", \.username),
      OptionField("podman_path", \.podmanPath, holdsPaths: true),
    ],
    initial: { options throws(HopError) in PodmanConnection(container: try options.required("container")) })

  private static let buildahSyntax = HopSyntax(
    .name(option: "container", takesUser: true),
    [
      OptionField<BuildahConnection>(initial: "container"), OptionField("username", \.username),
      OptionField("buildah_path", \.buildahPath, holdsPaths: true),
    ],
    initial: { options throws(HopError) in BuildahConnection(container: try options.required("container")) })

  private static let kubectlSyntax = HopSyntax(
    .name(option: "pod", takesUser: false),
    [
      OptionField<KubectlConnection>(initial: "pod"), OptionField("kubectl_path", \.kubectlPath, holdsPaths: true),
      OptionField(list: "kubectl_args", \.kubectlArguments, holdsPaths: true),
    ],
    initial: { options throws(HopError) in KubectlConnection(pod: try options.required("pod")) })

  private static let lxcSyntax = HopSyntax(
    .name(option: "container", takesUser: false),
    [
      OptionField<LXCConnection>(initial: "container"),
      OptionField("lxc_attach_path", \.lxcAttachPath, holdsPaths: true),
    ],
    initial: { options throws(HopError) in LXCConnection(container: try options.required("container")) })

  private static let lxdSyntax = HopSyntax(
    .name(option: "container", takesUser: false),
    [OptionField<LXDConnection>(initial: "container"), OptionField("lxc_path", \.lxcPath, holdsPaths: true)],
    initial: { options throws(HopError) in LXDConnection(container: try options.required("container")) })

  private static let incusSyntax = HopSyntax(
    .name(option: "container", takesUser: false),
    [OptionField<IncusConnection>(initial: "container"), OptionField("incus_path", \.incusPath, holdsPaths: true)],
    initial: { options throws(HopError) in IncusConnection(container: try options.required("container")) })

  private static let jailSyntax = HopSyntax(
    .name(option: "container", takesUser: true),
    [
      OptionField<JailConnection>(initial: "container"), OptionField("username", \.username),
      OptionField("jexec_path", \.jexecPath, holdsPaths: true),
    ],
    initial: { options throws(HopError) in JailConnection(container: try options.required("container")) })

  private static let setnsSyntax = HopSyntax(
    .kindAndName,
    [
      OptionField<SetnsConnection>(initial: "container"), OptionField(initial: "kind"),
      OptionField("username", \.username), OptionField("docker_path", \.dockerPath, holdsPaths: true),
      OptionField("podman_path", \.podmanPath, holdsPaths: true),
      OptionField("lxc_path", \.lxcPath, holdsPaths: true),
      OptionField("lxc_info_path", \.lxcInfoPath, holdsPaths: true),
      OptionField("machinectl_path", \.machinectlPath, holdsPaths: true),
    ],
    initial: { options throws(HopError) in
      SetnsConnection(
        container: try options.required("container"),
        kind: try options.choice("kind", as: SetnsConnection.Kind.self))
    })
}
