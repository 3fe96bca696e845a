/// A context as another user of the same machine, by sudo. Mitogen's `sudo`.
public struct SudoConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "sudo"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// Who to become; root if nil and the arguments do not say.
  public var username: String?
  /// sudo itself: a path, or a name that is looked for in PATH.
  public var sudoPath: String
  /// What sudo asks for: by its default the password of the user who runs it.
  public var password: Secret?
  /// Whether the environment is kept.
  public var preserveEnvironment: Bool?
  /// Whether HOME is the other user's.
  public var setHome: Bool?
  /// Whether it is as after a log-in.
  public var login: Bool?
  /// The role of the new security context.
  public var selinuxRole: String?
  /// The type of the new security context.
  public var selinuxType: String?
  /// Arguments as somebody would give them to sudo; what is set above has precedence over them.
  public var sudoArguments: [String]
  /// Further texts that ask for the password, where sudo does not print the one that it is told to.
  public var passwordPrompts: [String]
  /// Whether what else is asked is asked of whoever connects.
  public var isInteractive: Bool

  /// What sudo is told to ask with.
  static let prompt = "mitogen-sudo-prompt:"

  enum CodingKeys: String, CodingKey {
    case options, username
    case sudoPath = "sudo_path"
    case password
    case preserveEnvironment = "preserve_env"
    case setHome = "set_home"
    case login
    case selinuxRole = "selinux_role"
    case selinuxType = "selinux_type"
    case sudoArguments = "sudo_args"
    case passwordPrompts = "password_prompts"
    case isInteractive = "interactive"
  }

  /// Makes the method.
  public init(
    username: String? = nil, sudoPath: String = "sudo", password: Secret? = nil, preserveEnvironment: Bool? = nil,
    setHome: Bool? = nil, login: Bool? = nil, selinuxRole: String? = nil, selinuxType: String? = nil,
    sudoArguments: [String] = [], passwordPrompts: [String] = [], isInteractive: Bool = false,
    options: ConnectionOptions = .init()
  ) {
    self.username = username
    self.sudoPath = sudoPath
    self.password = password
    self.preserveEnvironment = preserveEnvironment
    self.setHome = setHome
    self.login = login
    self.selinuxRole = selinuxRole
    self.selinuxType = selinuxType
    self.sudoArguments = sudoArguments
    self.passwordPrompts = passwordPrompts
    self.isInteractive = isInteractive
    self.options = options
  }

  /// `sudo.user`.
  public var defaultName: String {
    // Arguments that cannot be parsed are an error of the command line.
    "sudo." + (username ?? (try? SudoArguments(parsing: sudoArguments))?.username ?? "root")
  }

  /// A terminal for errors and passwords.
  public var streams: ChildStreams { .hybridTerminal }

  /// Another account of this machine.
  public var reach: ConnectionReach { .account }

  /// `sudo -p mitogen-sudo-prompt: -u user … -- word word …`; for a log-in shell, the words are written otherwise.
  public func commandLine(boot: [String]) throws -> [String] {
    let parsed = try SudoArguments(parsing: sudoArguments)
    var words = [sudoPath, "-p", SudoConnection.prompt, "-u", username ?? parsed.username ?? "root"]
    if preserveEnvironment ?? parsed.preserveEnvironment { words.append("-E") }
    if setHome ?? parsed.setHome { words.append("-H") }
    let isLogin = login ?? parsed.login
    if isLogin { words.append("-i") }
    if let role = selinuxRole ?? parsed.role { words += ["-r", role] }
    if let type = selinuxType ?? parsed.type { words += ["-t", type] }
    return words + ["--"] + (isLogin ? LoginShellWords.carrying(boot) : boot)
  }
}

extension SudoConnection: AskingConnection {
  var loginRules: any LoginRules {
    SudoLoginRules(password: password, passwordPrompts: passwordPrompts, isInteractive: isInteractive)
  }
}
