internal import AsyncMitogen
internal import Glibc

/// Asks a person something on the terminal, wherever the standard streams lead.
enum TerminalQuestion {
  /// How often to look whether the question has been withdrawn, by Ctrl-C.
  private static let look: Int32 = 100

  /// Asks for a secret, which is not seen when it is typed. Blocks the thread.
  static func secret(_ prompt: String) throws -> Secret {
    let number = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
    guard number >= 0 else { throw UsageError("--password-prompt: there is no terminal to ask on") }
    let terminal = OwnedDescriptor(number)
    var settings = termios()
    guard unsafe tcgetattr(terminal.number, &settings) == 0 else {
      throw UsageError("--password-prompt: there is no terminal to ask on")
    }
    var silent = settings
    silent.c_lflag &= ~tcflag_t(ECHO)
    // Flushed, so that what was typed too early, and seen, is not taken for the answer.
    unsafe tcsetattr(terminal.number, TCSAFLUSH, &silent)
    defer {
      unsafe tcsetattr(terminal.number, TCSAFLUSH, &settings)
      say("\n", on: terminal)
    }
    say(prompt, on: terminal)
    return Secret(try line(from: terminal))
  }

  private static func line(from terminal: OwnedDescriptor) throws -> String {
    var bytes: [UInt8] = []
    while true {
      var request = pollfd(fd: terminal.number, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&request, 1, look)
      try Task.checkCancellation()
      guard ready > 0 else { continue }
      var byte: UInt8 = 0
      let count = unsafe read(terminal.number, &byte, 1)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count > 0 else { throw UsageError("--password-prompt: no password was given") }
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
  }

  private static func say(_ text: String, on terminal: OwnedDescriptor) {
    let bytes = Array(text.utf8)
    // A terminal that is gone answers nothing either, which is found out then.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(terminal.number, $0.baseAddress, $0.count) }
  }
}
