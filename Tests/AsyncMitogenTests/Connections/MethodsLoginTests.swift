import Testing

@testable import AsyncMitogen

/// Outputs are those of OpenSSH 9.2, sudo 1.9.13, su of util-linux 2.38 and doas 6.8.2 on a terminal in raw mode.
@Suite struct `Dialogues at log-in` {
  static let host = "\ramt-login@127.0.0.1's password: "
  static let unknownHost =
    "\rThe authenticity of host '[127.0.0.1]:10022 ([127.0.0.1]:10022)' can't be established.\n"
    + "ED25519 key fingerprint is SHA256:H5UJyqZfrdm+4Ix5kVR9tvY83G1o+JH+lmfAl7tuPKg.\n"
    + "This key is not known by any other names.\n"
    + "Are you sure you want to continue connecting (yes/no/[fingerprint])? "
  static let changedHost =
    "@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@@@@@\r\n"
    + "Please contact your system administrator.\r\n"
    + "Host key for [127.0.0.1]:10022 has changed and you have requested strict checking.\r\n"
    + "Host key verification failed.\r\n"
  static let banner =
    "debug1: SSH2_MSG_SERVICE_ACCEPT received\r\nNOTICE: your password: is never asked for by mail.\n"
    + "Are you sure you want to continue connecting (yes/no)? is what ssh asks.\nPermission denied to strangers.\n"
    + "debug1: Next authentication method: keyboard-interactive\r\n"
  static let key = "/home/me/id_enc"
  static let keyPrompt = "\rEnter passphrase for key '/home/me/id_enc': "
  static let refusedKey = LoginFailure.hostKey(
    "Host key checking is enabled, and SSH reported an unrecognized or mismatching host key.")

  private static func password(_ text: String) -> Step { .fails(.password(text)) }

  private static func request(
    _ kind: AuthenticationRequest.Kind, _ prompt: String, _ attempt: Int = 1, of method: String = "ssh"
  ) -> Step { .asks(AuthenticationRequest(method: method, kind: kind, prompt: prompt, attempt: attempt)) }

  static let ssh: [Transcript] = [
    Transcript(SSHLoginRules(password: "secret"), [.prints(host), .types("secret"), .prints("\n")]),
    Transcript(
      SSHLoginRules(password: "wrong"),
      [
        .prints(host), .types("wrong"), .prints("\nPermission denied, please try again.\r\n" + host),
        password("SSH password is incorrect"),
      ]),
    Transcript(SSHLoginRules(), [.prints(host), password("SSH password was requested, but none specified")]),
    Transcript(
      SSHLoginRules(),
      [
        .prints("amt-login@127.0.0.1: Permission denied (publickey,password).\r\n"),
        password("SSH password was requested, but none specified"),
      ]),
    Transcript(
      SSHLoginRules(),
      [.prints("user@host: permission denied (publickey)\n"), password("SSH authentication is incorrect")]),
    Transcript(
      SSHLoginRules(password: "p"),
      [.prints("Permission denied (publickey,password)\n"), password("SSH authentication is incorrect")]),
    Transcript(
      SSHLoginRules(password: "p"),
      [.prints("/etc/profile: line 3: /x: Permission denied\nPermission denied to strangers.\n"), .waits]),
    Transcript(
      SSHLoginRules(),
      [
        .prints(
          "No ED25519 host key is known for [127.0.0.1]:10022 and you have requested strict checking.\r\n"
            + "Host key verification failed.\r\n"), .fails(refusedKey),
      ]),
    Transcript(SSHLoginRules(password: "p"), [.prints(changedHost), .fails(refusedKey)]),
    Transcript(
      SSHLoginRules(password: "secret", checkHostKeys: .accept),
      [
        .prints(unknownHost), .waits, .types("yes"), .prints("\n"), .prints(host), .types("secret"), .prints("\n"),
      ]),
    Transcript(SSHLoginRules(password: "secret"), [.prints(unknownHost), .waits, .fails(refusedKey)]),
    Transcript(
      SSHLoginRules(password: "secret", checkHostKeys: .ignore),
      [
        .prints("Are you sure you want to continue connecting (yes/no)? "), .waits,
        .fails(
          .hostKey(
            "SSH requested permission to accept unknown host key, but check_host_keys=ignore. This is likely due to "
              + "ssh_args=  conflicting with check_host_keys=. Please correct your configuration.")),
      ]),
    Transcript(
      SSHLoginRules(password: "secret", checkHostKeys: .accept),
      [
        .prints(banner), .waits, .prints("\r(amt-login@127.0.0.1) Password: "), .types("secret"),
        .prints("\nAuthenticated to 127.0.0.1 ([127.0.0.1]:10023) using \"keyboard-interactive\".\r\n"),
      ]),
    Transcript(
      SSHLoginRules(passphrase: "pass"), [.prints(keyPrompt), .types("pass"), .prints("\n")]),
    Transcript(
      SSHLoginRules(passphrase: "wrong"),
      [.prints(keyPrompt), .types("wrong"), .prints("\n" + keyPrompt), password("SSH key passphrase is incorrect")]),
    Transcript(
      SSHLoginRules(password: "p"),
      [.prints(keyPrompt), password("SSH key passphrase was requested, but none specified")]),
    Transcript(
      SSHLoginRules(isInteractive: true),
      [
        .prints(keyPrompt), request(.passphrase(key: key), "Enter passphrase for key '/home/me/id_enc':"),
        .answers("pass"), .types("pass"), .prints("\n" + keyPrompt),
        request(.passphrase(key: key), "Enter passphrase for key '/home/me/id_enc':", 2), .answers(nil),
        password("SSH key passphrase was requested, but none specified"),
      ]),
    Transcript(
      SSHLoginRules(password: "secret", isInteractive: true),
      [
        .prints("\r(u@h) Password: "), .types("secret"), .prints("\n\r(u@h) Verification code: "), .waits,
        request(.oneTimeCode, "(u@h) Verification code:"), .answers("123456"), .types("123456"), .prints("\n"),
      ]),
    // Without a newline between two questions.
    Transcript(
      SSHLoginRules(password: "secret", isInteractive: true),
      [
        .prints("\r(u@h) Name of your cat: "), .waits, request(.other, "(u@h) Name of your cat:"), .answers("Tom"),
        .types("Tom"), .prints("\r(u@h) Password: "), .types("secret"),
      ]),
    // Nobody is there to answer, and the password is not for this.
    Transcript(SSHLoginRules(password: "secret"), [.prints("\r(u@h) One-time password (OATH): "), .waits]),
    Transcript(SSHLoginRules(password: "secret"), [.prints("\r(u@h) New password: "), .waits]),
    Transcript(
      SSHLoginRules(password: "wrong", isInteractive: true),
      [
        .prints(host), .types("wrong"), .prints("\nPermission denied, please try again.\r\n" + host),
        request(.password, "amt-login@127.0.0.1's password:", 2), .answers("right"), .types("right"), .prints("\n"),
      ]),
    Transcript(
      SSHLoginRules(password: "secret", passwordPrompts: ["zutritt:"]), [.prints("\rZutritt: "), .types("secret")]),
  ]

  static let sudoPrompts = [
    "mitogen-sudo-prompt:", "[sudo: mitogen-sudo-prompt:] Password: ",
    "[sudo: mitogen-sudo-prompt:] Mot de passe\u{a0}: ",
    "[sudo: mitogen-sudo-prompt:] Mot de passe : ", "[sudo: mitogen-sudo-prompt:] 密码： ",
  ]

  static let sudo: [Transcript] =
    sudoPrompts.flatMap { prompt in
      [
        Transcript(SudoLoginRules(password: "secret"), [.prints(prompt), .types("secret"), .prints("\n")]),
        Transcript(SudoLoginRules(password: "secret"), [.prints(prompt), .types("secret"), .prints("******"), .waits]),
        Transcript(SudoLoginRules(), [.prints(prompt), password("sudo password is required")]),
        Transcript(
          SudoLoginRules(password: "wrong"),
          [.prints(prompt), .types("wrong"), .prints("\n" + prompt), password("sudo password is incorrect")]),
      ]
    } + [
      Transcript(
        SudoLoginRules(password: "wrong"),
        [
          .prints("mitogen-sudo-prompt:"), .types("wrong"), .prints("\nSorry, try again.\r\n"),
          password("sudo password is incorrect"), .prints("mitogen-sudo-prompt:"), .waits,
        ]),
      Transcript(
        SudoLoginRules(password: "secret"),
        [
          .prints(
            "\nWe trust you have received the usual lecture from the local System\nAdministrator. It usually boils down "
              + "to these three things:\n\n    #1) Respect the privacy of others.\n    #2) Think before you type.\n    "
              + "#3) With great power comes great responsibility.\n\n\rFor security reasons, the password you type will "
              + "not be visible.\n\r\nmitogen-sudo-prompt:"), .types("secret"), .prints("\n"),
        ]),
      Transcript(
        SudoLoginRules(),
        [.prints("sudo: a password is required\r\n"), password("sudo password is required")]),
      Transcript(SudoLoginRules(password: "p"), [.prints("amt-deny is not in the sudoers file.\r\n"), .waits]),
      Transcript(
        SudoLoginRules(password: "secret"), [.prints("[sudo] Passwort für amt-pw: "), .waits, .types("secret")]),
      Transcript(
        SudoLoginRules(password: "secret", isInteractive: true),
        [
          .prints("mitogen-sudo-prompt:"), .types("secret"), .prints("\nVerification code: "), .waits,
          request(.oneTimeCode, "Verification code:", of: "sudo"), .answers("1"), .types("1"),
        ]),
      Transcript(
        SudoLoginRules(isInteractive: true),
        [
          .prints("mitogen-sudo-prompt:"), request(.password, "mitogen-sudo-prompt:", of: "sudo"), .answers("x"),
          .types("x"), .prints("\nSorry, try again.\r\nmitogen-sudo-prompt:"),
          request(.password, "mitogen-sudo-prompt:", 2, of: "sudo"), .answers("y"), .types("y"),
        ]),
    ]

  private static func su(_ password: Secret?, _ prompts: [String] = ["password:"]) -> BecomeLoginRules {
    BecomeLoginRules(
      method: "su", password: password, passwordPrompts: prompts, incorrectPrompts: SuConnection.incorrectPrompts,
      ignoresEarlyRefusals: false)
  }

  private static func doas(_ password: Secret?) -> BecomeLoginRules {
    BecomeLoginRules(
      method: "doas", password: password, passwordPrompts: ["Password:"],
      incorrectPrompts: DoasConnection.incorrectPrompts, ignoresEarlyRefusals: true)
  }

  static let become: [Transcript] =
    [
      Transcript(
        su("secret"), [.prints("Password: "), .types("secret"), .prints("\nMITO000\npassword: "), .waits]),
      Transcript(
        su("wrong"),
        [
          .prints("Password: "), .types("wrong"), .prints("\nsu: Authentication failure\n"),
          password("su password is incorrect"),
        ]),
      Transcript(su(nil), [.prints("Password: "), password("su password is required")]),
      Transcript(su(nil), [.prints("su: "), .prints("incorrect password\n"), password("su password is incorrect")]),
      Transcript(
        su("p"), [.prints("su: user nosuch does not exist or the user entry does not contain all fields\n"), .waits]),
      Transcript(su("old"), [.prints("Current password: "), .waits]),
      Transcript(su("secret", ["sésame ?"]), [.prints("Sésame ? "), .types("secret")]),
      Transcript(
        doas("secret"), [.prints("\rdoas (amt-pw@vm) password: "), .types("secret"), .prints("\n")]),
      Transcript(
        doas("wrong"),
        [
          .prints("\rdoas (amt-pw@vm) password: "), .types("wrong"), .prints("\ndoas: Authentication failed\n"),
          password("doas password is incorrect"),
        ]),
      Transcript(doas(nil), [.prints("\rdoas (amt-pw@vm) password: "), password("doas password is required")]),
      Transcript(doas("p"), [.prints("doas: Authentication failed\ndoas: Operation not permitted\n"), .waits]),
    ]
    + [
      "Passwort: ", "Mot de passe : ", "Contraseña: ", "Пароль: ", "密码：", "パスワード: ", "암호: ", "Hasło: ", "Şifre: ",
    ].map { Transcript(su("secret"), [.prints($0), .types("secret"), .prints("\n")]) }

  @Test(arguments: Array((ssh + sudo + become).enumerated().map { $0.offset }))
  func `Do the same however the output is cut`(_ index: Int) {
    let transcript = (Self.ssh + Self.sudo + Self.become)[index]
    for size in [1_000_000, 1, 2, 3, 7, 13] {
      #expect(transcript.played(inPiecesOf: size) == transcript.expected, "pieces of \(size)")
    }
  }

  @Test(arguments: sudoPrompts) func `A prompt of sudo that a newline or an asterisk follows is none`(_ prompt: String)
  {
    for ending in ["\n", "*", "*\n"] {
      let rules = SudoLoginRules(password: "secret")
      #expect(Transcript(rules, [.prints(prompt + ending)]).played(inPiecesOf: 1_000).isEmpty)
    }
  }

  @Test func `An unknown question is remembered for the error`() {
    var dialogue = LoginDialogue(SudoLoginRules(password: "secret"))
    #expect(dialogue.receive(Array("Enter the magic word: ".utf8)).isEmpty)
    #expect(dialogue.isUndecided)
    #expect(dialogue.settled().isEmpty)
    #expect(dialogue.unansweredPrompt == "Enter the magic word:")
  }

  @Test func `Lines are told, and typed secrets in them are not`() {
    var dialogue = LoginDialogue(SSHLoginRules(password: "hunter22"))
    #expect(
      dialogue.receive(Array("debug1: x\r\nhello\r\r\n".utf8)) == [
        .log("debug1: x", isDebug: true), .log("hello", isDebug: false),
      ])
    _ = dialogue.receive(Array("\ru@h's password: ".utf8))
    #expect(
      dialogue.receive(Array("hunter22\n".utf8)) == [.log("u@h's password: [secret]", isDebug: false)])
    #expect(dialogue.receive(Array("rest".utf8)).isEmpty)
    #expect(dialogue.finish() == [.log("rest", isDebug: false)])
  }

  @Test func `Nothing is answered once the first stage runs`() {
    var dialogue = LoginDialogue(SudoLoginRules(password: "secret"))
    dialogue.succeed()
    #expect(dialogue.receive(Array("mitogen-sudo-prompt:".utf8)).isEmpty)
    #expect(dialogue.settled().isEmpty)
    #expect(!dialogue.isUndecided)
    #expect(dialogue.receive(Array("\nSorry, try again.\n".utf8)).count == 2)
  }

  @Test func `The first stage gets its own line and all behind it`() {
    var dialogue = LoginDialogue(Self.su("secret"))
    #expect(dialogue.receive(Array("Password: ".utf8)) == [.type("secret")])
    let actions = dialogue.receive(Array("\nhello\nMITO000\nabc".utf8))
    #expect(actions.last == .started(Array("MITO000\nabc".utf8)))
    #expect(dialogue.isOver)
    var other = LoginDialogue(Self.su("secret"))
    #expect(
      other.receive(Array("\nMITO18e9fbb43b1cdf0d facts\n".utf8)).last
        == .started(Array("MITO18e9fbb43b1cdf0d facts\n".utf8)))
  }
}
