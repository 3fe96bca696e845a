/// What su and doas ask and say.
struct BecomeLoginRules: LoginRules {
  let method: String
  var password: Secret?
  var passwordPrompts: [String]
  var incorrectPrompts: [String]
  /// Whether it may say that a password is wrong for other reasons before one was given.
  var ignoresEarlyRefusals: Bool
  var isInteractive = false

  func secret(for kind: AuthenticationRequest.Kind) -> Secret? { kind == .password ? password : nil }

  func prompt(_ text: PromptText) -> LoginPrompt? {
    // "New password:" ends like "password:", and asks for another thing.
    guard !PasswordPrompt.isChange(text.text) else { return nil }
    let isPassword = PasswordPrompt.ends(text.text, withAny: passwordPrompts) || PasswordPrompt.isPassword(text.text)
    return isPassword ? .secret(.password) : nil
  }

  func meaning(of line: String) -> LineMeaning {
    // On one terminal the first stage follows. All that it says begins so, whatever number comes behind.
    if line.hasPrefix("MITO") { return .started }
    let text = line.lowercased()
    guard incorrectPrompts.contains(where: { !$0.isEmpty && text.holds($0.lowercased()) }) else { return .nothing }
    return .refused(.ends(ifNothingWasSent: ignoresEarlyRefusals ? nil : incorrect(.password)))
  }

  func required(_ kind: AuthenticationRequest.Kind) -> String {
    kind == .password ? "\(method) password is required" : "\(method) asked something that was not answered"
  }

  func incorrect(_ kind: AuthenticationRequest.Kind) -> String { "\(method) password is incorrect" }
}
