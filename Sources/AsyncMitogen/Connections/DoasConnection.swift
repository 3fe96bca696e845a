/// A context as another user of the same machine, by doas. Mitogen's `doas`.
public struct DoasConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "doas"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// Who to become.
  public var username: String
  /// The password of the user who runs doas.
  public var password: Secret?
  /// doas itself: a path, or a name that is looked for in PATH.
  public var doasPath: String
  /// What the line that waits for the password ends with, in any case of letters.
  public var passwordPrompt: String
  /// Further such texts. Those of many languages are known.
  public var passwordPrompts: [String]
  /// What doas prints if the password is wrong, in any case of letters.
  public var incorrectPrompts: [String]
  /// Whether what else is asked is asked of whoever connects.
  public var isInteractive: Bool

  /// What doas prints of a wrong password: the portable one, and OpenBSD's.
  public static let incorrectPrompts = ["doas: authentication failed", "doas: authorization failed"]

  enum CodingKeys: String, CodingKey {
    case options, username, password
    case doasPath = "doas_path"
    case passwordPrompt = "password_prompt"
    case passwordPrompts = "password_prompts"
    case incorrectPrompts = "incorrect_prompts"
    case isInteractive = "interactive"
  }

  /// Makes the method.
  public init(
    username: String = "root", password: Secret? = nil, doasPath: String = "doas", passwordPrompt: String = "Password:",
    passwordPrompts: [String] = [], incorrectPrompts: [String] = DoasConnection.incorrectPrompts,
    isInteractive: Bool = false, options: ConnectionOptions = .init()
  ) {
    self.username = username
    self.password = password
    self.doasPath = doasPath
    self.passwordPrompt = passwordPrompt
    self.passwordPrompts = passwordPrompts
    self.incorrectPrompts = incorrectPrompts
    self.isInteractive = isInteractive
    self.options = options
  }

  /// `doas.user`.
  public var defaultName: String { "doas.\(username)" }

  /// A terminal for errors and passwords.
  public var streams: ChildStreams { .hybridTerminal }

  /// Another account of this machine.
  public var reach: ConnectionReach { .account }

  /// `doas -u user -- word word …`
  public func commandLine(boot: [String]) throws -> [String] { [doasPath, "-u", username, "--"] + boot }
}

extension DoasConnection: AskingConnection {
  var loginRules: any LoginRules {
    BecomeLoginRules(
      method: "doas", password: password, passwordPrompts: [passwordPrompt] + passwordPrompts,
      incorrectPrompts: incorrectPrompts, ignoresEarlyRefusals: true,
      isInteractive: isInteractive)
  }
}
