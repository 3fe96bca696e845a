internal import AsyncMitogen
internal import Glibc

/// A question to a person, on the terminal, wherever the standard streams lead. What is typed is not seen.
struct TerminalQuestion: ~Copyable {
  /// How often to look whether the question has been withdrawn, by Ctrl-C for instance.
  private static let look: Int32 = 100
  /// As many bytes as a terminal takes for a line.
  private static let limit = 4_096

  private let terminal: OwnedDescriptor
  private var settings: termios
  private var bytes: [UInt8] = []
  /// What asks, for errors.
  private let purpose: String

  /// Asks for a secret. Blocks the thread.
  static func secret(_ prompt: String, for purpose: String) throws -> Secret {
    var question = try TerminalQuestion(prompt, for: purpose)
    while true {
      try Task.checkCancellation()
      if let answer = try question.answer(within: look) { return answer }
    }
  }

  /// Asks for a secret, and lets others work meanwhile.
  static func ask(_ prompt: String, for purpose: String) async throws -> Secret {
    var question = try TerminalQuestion(prompt, for: purpose)
    while true {
      if let answer = try question.answer(within: 0) { return answer }
      try await Task.sleep(for: .milliseconds(look / 4))
    }
  }

  private init(_ prompt: String, for purpose: String) throws {
    let number = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
    guard number >= 0 else { throw UsageError("\(purpose): there is no terminal to ask on") }
    let terminal = OwnedDescriptor(number)
    var settings = termios()
    guard unsafe tcgetattr(number, &settings) == 0 else {
      throw UsageError("\(purpose): there is no terminal to ask on")
    }
    var silent = settings
    silent.c_lflag &= ~tcflag_t(ECHO)
    // Flushed, so that what was typed too early, and seen, is not taken for the answer.
    unsafe tcsetattr(number, TCSAFLUSH, &silent)
    self.terminal = terminal
    self.settings = settings
    self.purpose = purpose
    say(prompt)
  }

  deinit {
    var settings = settings
    unsafe tcsetattr(terminal.number, TCSAFLUSH, &settings)
    say("\n")
  }

  /// What has been typed, if it is a whole line by then.
  private mutating func answer(within milliseconds: Int32) throws -> Secret? {
    var request = pollfd(fd: terminal.number, events: Int16(POLLIN), revents: 0)
    while unsafe poll(&request, 1, milliseconds) > 0 {
      var byte: UInt8 = 0
      let count = unsafe read(terminal.number, &byte, 1)
      if count < 0, errno == EINTR || errno == EAGAIN { return nil }
      guard count > 0 else { throw UsageError("\(purpose): no answer was given") }
      if byte == UInt8(ascii: "\n") { return Secret(String(decoding: bytes, as: UTF8.self)) }
      guard bytes.count < TerminalQuestion.limit else { throw UsageError("\(purpose): the answer is too long") }
      bytes.append(byte)
    }
    return nil
  }

  private func say(_ text: String) {
    let bytes = Array(text.utf8)
    // A terminal that is gone answers nothing either, which is found out then.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(terminal.number, $0.baseAddress, $0.count) }
  }
}
