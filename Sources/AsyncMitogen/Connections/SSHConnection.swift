/// A context on another machine, by OpenSSH's client. Mitogen's `ssh`.
public struct SSHConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "ssh"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// The host to connect to.
  public var hostname: String
  /// The account there; what ssh's configuration says if nil.
  public var username: String?
  /// The port there; what ssh's configuration says if nil.
  public var port: Int?
  /// ssh itself: a path, or a name that is looked for in PATH.
  public var sshPath: String
  /// Further arguments, put before the host.
  public var sshArguments: [String]
  /// What becomes of hosts whose key is not known.
  public var checkHostKeys: HostKeyChecking
  /// The account's password.
  public var password: Secret?
  /// A file with a private key.
  public var identityFile: String?
  /// What that key is encrypted with.
  public var identityPassphrase: Secret?
  /// Whether, if a password or a key is given, no other keys are tried.
  public var identitiesOnly: Bool
  /// Whether ssh compresses. Not by default, unlike Mitogen: on fast networks it takes most of the throughput.
  public var compression: Bool
  /// Whether ssh notices by itself that the host is gone.
  public var keepaliveEnabled: Bool
  /// After how many seconds of silence ssh asks.
  public var keepaliveInterval: Int
  /// How many of its questions may stay without an answer.
  public var keepaliveCount: Int
  /// How much ssh tells of what it does, from 0 to 3; it is logged.
  public var debugLevel: Int
  /// Further texts that ask for the password: what the line that waits for it ends with.
  public var passwordPrompts: [String]
  /// Whether what else ssh asks is asked of whoever connects; there is a terminal then.
  public var isInteractive: Bool

  enum CodingKeys: String, CodingKey {
    case options, hostname, username, port
    case sshPath = "ssh_path"
    case sshArguments = "ssh_args"
    case checkHostKeys = "check_host_keys"
    case password
    case identityFile = "identity_file"
    case identityPassphrase = "identity_passphrase"
    case identitiesOnly = "identities_only"
    case compression
    case keepaliveEnabled = "keepalive_enabled"
    case keepaliveInterval = "keepalive_interval"
    case keepaliveCount = "keepalive_count"
    case debugLevel = "ssh_debug_level"
    case passwordPrompts = "password_prompts"
    case isInteractive = "interactive"
  }

  /// Makes the method.
  public init(
    hostname: String, username: String? = nil, port: Int? = nil, sshPath: String = "ssh", sshArguments: [String] = [],
    checkHostKeys: HostKeyChecking = .enforce, password: Secret? = nil, identityFile: String? = nil,
    identityPassphrase: Secret? = nil, identitiesOnly: Bool = true, compression: Bool = false,
    keepaliveEnabled: Bool = true, keepaliveInterval: Int = 15, keepaliveCount: Int = 3, debugLevel: Int = 0,
    passwordPrompts: [String] = [], isInteractive: Bool = false, options: ConnectionOptions = .init()
  ) {
    self.hostname = hostname
    self.username = username
    self.port = port
    self.sshPath = sshPath
    self.sshArguments = sshArguments
    self.checkHostKeys = checkHostKeys
    self.password = password
    self.identityFile = identityFile
    self.identityPassphrase = identityPassphrase
    self.identitiesOnly = identitiesOnly
    self.compression = compression
    self.keepaliveEnabled = keepaliveEnabled
    self.keepaliveInterval = keepaliveInterval
    self.keepaliveCount = keepaliveCount
    self.debugLevel = debugLevel
    self.passwordPrompts = passwordPrompts
    self.isInteractive = isInteractive
    self.options = options
  }

  /// sshd gives it to the account's shell.
  public var isReadByShell: Bool { true }

  /// `ssh.host`, with the port if it is not the usual one.
  public var defaultName: String {
    guard let port, port != 22 else { return "ssh.\(hostname)" }
    return "ssh.\(hostname):\(port)"
  }

  /// A terminal only if something may have to be answered: there are not many of them.
  public var streams: ChildStreams { needsTerminal ? .hybridTerminal : .errorPipe }

  private var needsTerminal: Bool {
    password != nil || identityPassphrase != nil || checkHostKeys == .accept || isInteractive
  }

  /// `ssh … host word word …`, each word quoted for the shell there, except `&&`.
  public func commandLine(boot: [String]) throws -> [String] {
    // It would be an option to ssh, and ProxyCommand runs programs here.
    guard !hostname.isEmpty, !hostname.hasPrefix("-") else { throw StreamError("ssh: no such host name: \(hostname)") }
    var words = [sshPath]
    if debugLevel > 0 {
      words.append("-" + String(repeating: "v", count: min(debugLevel, 3)))
    } else {
      // Banners may look like prompts.
      words += ["-o", "LogLevel ERROR"]
    }
    if let username { words += ["-l", username] }
    if let port { words += ["-p", "\(port)"] }
    if identitiesOnly, identityFile != nil || password != nil { words += ["-o", "IdentitiesOnly yes"] }
    if let identityFile { words += ["-i", identityFile] }
    if compression { words += ["-o", "Compression yes"] }
    if keepaliveEnabled {
      words += ["-o", "ServerAliveInterval \(keepaliveInterval)", "-o", "ServerAliveCountMax \(keepaliveCount)"]
    }
    if !needsTerminal { words += ["-o", "BatchMode yes"] }
    switch checkHostKeys {
    case .enforce: words += ["-o", "StrictHostKeyChecking yes"]
    case .accept: words += ["-o", "StrictHostKeyChecking ask"]
    case .ignore:
      words += [
        "-o", "StrictHostKeyChecking no", "-o", "UserKnownHostsFile /dev/null", "-o", "GlobalKnownHostsFile /dev/null",
      ]
    }
    return words + sshArguments + [hostname] + boot.map { $0 == "&&" ? $0 : ShellQuoting.quote($0) }
  }
}

extension SSHConnection: AskingConnection {
  var loginRules: any LoginRules {
    SSHLoginRules(
      password: password, passphrase: identityPassphrase, checkHostKeys: checkHostKeys,
      passwordPrompts: passwordPrompts, isInteractive: isInteractive)
  }
}
