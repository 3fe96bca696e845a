/// What one program asks and says while somebody logs in: the part of a dialogue that differs between methods.
protocol LoginRules: Sendable {
  /// The method's name, for whoever is asked.
  var method: String { get }
  /// Whether there is somebody to ask.
  var isInteractive: Bool { get }
  /// The answer that the options have.
  func secret(for kind: AuthenticationRequest.Kind) -> Secret?
  /// What the text that waits at the end of the output asks; nil if that is not known, or not yet.
  func prompt(_ text: PromptText) -> LoginPrompt?
  /// What a complete line says.
  func meaning(of line: String) -> LineMeaning
  /// What to say if something was asked for and not given.
  func required(_ kind: AuthenticationRequest.Kind) -> String
  /// What to say if what was given is wrong.
  func incorrect(_ kind: AuthenticationRequest.Kind) -> String
}

/// The text at the end of the output that no newline has followed yet.
struct PromptText: Sendable, Hashable {
  /// What is behind the last carriage return and the last answer, without spaces around it.
  var text: String
  /// Whether a carriage return precedes it, which OpenSSH puts before what it asks.
  var followsReturn: Bool
  /// Whether nothing has come for a while.
  var isSettled: Bool
}

/// What is asked.
enum LoginPrompt: Sendable, Hashable {
  /// Something that is typed if it is known.
  case secret(AuthenticationRequest.Kind)
  /// Something that the options answer.
  case confirm(String)
  /// Something that the options forbid.
  case refuse(LoginFailure)
}

/// What a line says.
enum LineMeaning: Sendable, Hashable {
  /// Nothing that matters here.
  case nothing
  /// Something about how the program works.
  case debug
  /// That an answer was wrong; `next` says how it goes on.
  case refused(Refusal)
  /// That there is no way in.
  case failure(LoginFailure)
  /// That the first stage runs.
  case started
}

/// How it goes on after a wrong answer.
enum Refusal: Sendable, Hashable {
  /// The program asks again.
  case asksAgain
  /// It does not, whatever was answered before; this is to be said if nothing was.
  case ends(ifNothingWasSent: String?)
}

/// Why a log-in fails.
enum LoginFailure: Error, Sendable, Hashable {
  case password(String)
  case hostKey(String)

  /// The error that is thrown for it.
  var error: any Error {
    switch self {
    case .password(let message): PasswordError(message)
    case .hostKey(let message): HostKeyError(message)
    }
  }
}
