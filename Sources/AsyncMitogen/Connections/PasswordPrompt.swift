/// Knows what asks for a password, in many languages.
enum PasswordPrompt {
  /// Words for "password", in small letters; those of the translations of Linux-PAM and sudo that are most used.
  private static let words = [
    "password", "passphrase", "passwort", "kennwort", "mot de passe", "contraseña", "contrasenya",
    "contrasinal", "senha", "palavra-passe", "parola", "wachtwoord", "lösenord", "adgangskode", "kodeord",
    "passord", "salasana", "hasło", "heslo", "jelszó", "lozinka", "лозинка", "geslo", "parool", "slaptažodis",
    "parole", "пароль", "парола", "κωδικός", "συνθηματικό", "şifre", "pasahitza", "lykilorð", "mật khẩu",
    "kata sandi", "סיסמה", "סיסמא", "كلمة المرور", "كلمة السر", "گذرواژه", "पासवर्ड", "รหัสผ่าน", "密码", "密碼",
    "口令", "パスワード", "암호", "비밀번호",
  ]

  /// Words of prompts that ask for another password than the one that is there now.
  private static let changes = ["new ", "retype", "re-enter", "again", "change", "current ", "old ", "expired"]

  /// Words of prompts that ask for a code that is valid once.
  private static let codes = [
    "verification code", "one-time", "one time", "otp", "token", "passcode", "authenticator", "two-factor",
    "2fa", "pin", "challenge", "response", "security code", "auth code",
  ]

  /// Whether a text is one that asks for a password, and not for a new one.
  static func isPassword(_ text: String) -> Bool {
    guard endsInColon(text) else { return false }
    let text = text.lowercased()
    guard !isChange(text), !asksForCode(text) else { return false }
    return words.contains(where: text.holds)
  }

  /// Whether a text asks for a new password, or for the old one before it.
  static func isChange(_ text: String) -> Bool { changes.contains(where: text.lowercased().holds) }

  /// Whether a text ends with one of those given, in any case of letters, spaces aside.
  static func ends(_ text: String, withAny endings: [String]) -> Bool {
    let text = trimmed(text).lowercased()
    return endings.contains { ending in
      let ending = trimmed(ending).lowercased()
      return !ending.isEmpty && text.hasSuffix(ending)
    }
  }

  /// Whether a text asks for a code rather than for a password.
  static func asksForCode(_ text: String) -> Bool {
    let text = text.lowercased()
    let words = text.split { !$0.isLetter && !$0.isNumber }
    // The short ones are also parts of words.
    return codes.contains { $0.count > 4 ? text.holds($0) : words.contains(Substring($0)) }
  }

  /// Whether a text may be a question at all.
  static func looksLikeQuestion(_ text: String) -> Bool { endsInColon(text) || text.last == "?" || text.last == "？" }

  /// Whether the last character is a colon, of any width.
  static func endsInColon(_ text: String) -> Bool { text.last == ":" || text.last == "：" }

  /// Without spaces of any kind at either end.
  static func trimmed(_ text: String) -> String {
    String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
