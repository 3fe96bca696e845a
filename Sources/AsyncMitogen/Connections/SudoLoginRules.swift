/// What sudo asks and says: the usual one, and sudo-rs.
struct SudoLoginRules: LoginRules {
  let method = "sudo"
  var password: Secret?
  var passwordPrompts: [String] = []
  var isInteractive = false

  /// sudo-rs puts what it is told to ask with before a prompt of its own, which is translated.
  private static let rustPrompt = "[sudo: \(SudoConnection.prompt)]"
  private static let rustPromptLimit = 50

  func secret(for kind: AuthenticationRequest.Kind) -> Secret? { kind == .password ? password : nil }

  func prompt(_ text: PromptText) -> LoginPrompt? {
    isPrompt(text) ? .secret(.password) : nil
  }

  private func isPrompt(_ text: PromptText) -> Bool {
    if let rest = text.text.text(behind: SudoLoginRules.rustPrompt) {
      let own = PasswordPrompt.trimmed(rest)
      // Asterisks are what it prints for what is typed.
      guard !own.isEmpty, own.count <= SudoLoginRules.rustPromptLimit, !own.holds("*") else { return false }
      return text.isSettled || PasswordPrompt.endsInColon(own)
    }
    if text.text.hasSuffix(SudoConnection.prompt) { return !text.text.hasSuffix("[sudo: " + SudoConnection.prompt) }
    if PasswordPrompt.ends(text.text, withAny: passwordPrompts) { return true }
    // A module of PAM that does not let itself be told what to ask with.
    return text.isSettled && PasswordPrompt.isPassword(text.text)
  }

  func meaning(of line: String) -> LineMeaning {
    if line == "Sorry, try again." { return .refused(.asksAgain) }
    guard line.hasPrefix("sudo: ") else { return .nothing }
    if line.holds("incorrect password attempt") { return .refused(.ends(ifNothingWasSent: nil)) }
    let isRequired = [
      "a password is required", "no password was provided", "a terminal is required to read the password",
    ].contains(where: line.holds)
    return isRequired ? .failure(.password(required(.password))) : .nothing
  }

  func required(_ kind: AuthenticationRequest.Kind) -> String {
    kind == .password ? "sudo password is required" : "sudo asked something that was not answered"
  }

  func incorrect(_ kind: AuthenticationRequest.Kind) -> String { "sudo password is incorrect" }
}
