/// A context as another user of the same machine, by su. Mitogen's `su`.
public struct SuConnection: CommandConnection {
  /// Mitogen's name of it.
  public static let methodName = "su"
  /// The options that all methods have.
  public var options: ConnectionOptions
  /// Who to become.
  public var username: String
  /// The other user's password.
  public var password: Secret?
  /// su itself: a path, or a name that is looked for in PATH.
  public var suPath: String
  /// What the line that waits for the password ends with, in any case of letters.
  public var passwordPrompt: String
  /// Further such texts. Those of many languages are known.
  public var passwordPrompts: [String]
  /// What su prints if the password is wrong, in any case of letters.
  public var incorrectPrompts: [String]
  /// Whether what else is asked is asked of whoever connects.
  public var isInteractive: Bool

  /// What su prints of a wrong password, as far as it is known.
  public static let incorrectPrompts = [
    "su: sorry", "su: authentication failure", "su: incorrect password", "authentication is denied",
  ]

  enum CodingKeys: String, CodingKey {
    case options, username, password
    case suPath = "su_path"
    case passwordPrompt = "password_prompt"
    case passwordPrompts = "password_prompts"
    case incorrectPrompts = "incorrect_prompts"
    case isInteractive = "interactive"
  }

  /// Makes the method.
  public init(
    username: String = "root", password: Secret? = nil, suPath: String = "su", passwordPrompt: String = "password:",
    passwordPrompts: [String] = [], incorrectPrompts: [String] = SuConnection.incorrectPrompts,
    isInteractive: Bool = false, options: ConnectionOptions = .init()
  ) {
    self.username = username
    self.password = password
    self.suPath = suPath
    self.passwordPrompt = passwordPrompt
    self.passwordPrompts = passwordPrompts
    self.incorrectPrompts = incorrectPrompts
    self.isInteractive = isInteractive
    self.options = options
  }

  /// su gives it to the account's shell.
  public var isReadByShell: Bool { true }

  /// `su.user`.
  public var defaultName: String { "su.\(username)" }

  /// A terminal for all: some read the password from their input, some from the terminal.
  public var streams: ChildStreams { .terminal }

  /// Another account of this machine.
  public var reach: ConnectionReach { .account }

  /// `su user -c 'word word …'`, quoted for any shell; Mitogen's own quoting loses words with `;` and `!`.
  public func commandLine(boot: [String]) throws -> [String] { [suPath, username, "-c", ShellQuoting.join(boot)] }
}

extension SuConnection: AskingConnection {
  var loginRules: any LoginRules {
    BecomeLoginRules(
      method: "su", password: password, passwordPrompts: [passwordPrompt] + passwordPrompts,
      incorrectPrompts: incorrectPrompts, ignoresEarlyRefusals: false,
      isInteractive: isInteractive)
  }
}
