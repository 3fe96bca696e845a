/// What OpenSSH's client asks and says.
struct SSHLoginRules: LoginRules {
  let method = "ssh"
  var password: Secret?
  var passphrase: Secret?
  var checkHostKeys = HostKeyChecking.enforce
  var passwordPrompts: [String] = []
  var isInteractive = false

  private static let passphrasePrompt = "Enter passphrase for "
  private static let confirmation = "are you sure you want to continue connecting (yes/no"

  func secret(for kind: AuthenticationRequest.Kind) -> Secret? {
    switch kind {
    case .password: password
    case .passphrase: passphrase
    case .oneTimeCode, .other: nil
    }
  }

  func prompt(_ text: PromptText) -> LoginPrompt? {
    let lowercased = text.text.lowercased()
    // A banner may hold anything. What ssh asks for follows a carriage return; anything else is waited for.
    guard text.followsReturn || text.isSettled else { return nil }
    if lowercased.holds(SSHLoginRules.confirmation + ")?")
      || lowercased.holds(SSHLoginRules.confirmation + "/[fingerprint])?")
    {
      return confirm("yes")
    }
    // Dropbear's client.
    if lowercased.hasSuffix("do you want to continue connecting? (y/n)") { return confirm("y") }
    if text.text.hasPrefix(SSHLoginRules.passphrasePrompt), PasswordPrompt.endsInColon(text.text) {
      return .secret(.passphrase(key: Self.key(in: text.text)))
    }
    if lowercased.hasPrefix("debug") { return nil }
    if PasswordPrompt.isPassword(text.text) || PasswordPrompt.ends(text.text, withAny: passwordPrompts) {
      return .secret(.password)
    }
    return nil
  }

  private func confirm(_ answer: String) -> LoginPrompt {
    switch checkHostKeys {
    case .accept: .confirm(answer)
    case .enforce: .refuse(.hostKey(SSHLoginRules.refusedKey))
    case .ignore: .refuse(.hostKey(SSHLoginRules.conflictingArguments))
    }
  }

  /// `Enter passphrase for key '/a/b':` or `Enter passphrase for "/a/b":`.
  private static func key(in prompt: String) -> String {
    let parts = prompt.split(whereSeparator: { $0 == "'" || $0 == "\"" })
    return parts.count > 1 ? String(parts[1]) : String(prompt.dropFirst(passphrasePrompt.count).dropLast())
  }

  func meaning(of line: String) -> LineMeaning {
    if line.hasPrefix("debug1:") || line.hasPrefix("debug2:") || line.hasPrefix("debug3:") { return .debug }
    let line = line.lowercased()
    if line.holds("host key verification failed.") { return .failure(.hostKey(SSHLoginRules.refusedKey)) }
    guard let denial = Self.denial(in: line) else { return .nothing }
    if denial.hasPrefix(", please try again") { return .refused(.asksAgain) }
    let wantsPassword = denial.holds("password") && password == nil
    return .refused(.ends(ifNothingWasSent: wantsPassword ? required(.password) : SSHLoginRules.refused))
  }

  /// What follows `permission denied` at the start of a line, perhaps after `user@host: `. Scripts at log-in print such
  /// things too, but say of what.
  private static func denial(in line: String) -> String? {
    var rest = line[...]
    if let at = rest.firstIndex(of: "@"), let colon = rest[at...].firstIndex(of: ":"),
      !rest[..<colon].contains(" "), rest[colon...].hasPrefix(": ")
    {
      rest = rest[colon...].dropFirst(2)
    }
    guard rest.hasPrefix("permission denied") else { return nil }
    rest = rest.dropFirst("permission denied".count)
    guard rest.isEmpty || rest.hasPrefix(" (") || rest.hasPrefix(", please") || rest == "." else { return nil }
    return String(rest)
  }

  func required(_ kind: AuthenticationRequest.Kind) -> String {
    switch kind {
    case .password: "SSH password was requested, but none specified"
    case .passphrase: "SSH key passphrase was requested, but none specified"
    case .oneTimeCode, .other: "SSH asked something that was not answered"
    }
  }

  func incorrect(_ kind: AuthenticationRequest.Kind) -> String {
    switch kind {
    case .password: "SSH password is incorrect"
    case .passphrase: "SSH key passphrase is incorrect"
    case .oneTimeCode, .other: SSHLoginRules.refused
    }
  }

  private static let refused = "SSH authentication is incorrect"
  private static let refusedKey =
    "Host key checking is enabled, and SSH reported an unrecognized or mismatching host key."
  private static let conflictingArguments =
    "SSH requested permission to accept unknown host key, but check_host_keys=ignore. This is likely due to ssh_args=  "
    + "conflicting with check_host_keys=. Please correct your configuration."
}
