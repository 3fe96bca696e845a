import Glibc

/// The standard output and error, a whole line at a time.
///
/// Unbuffered, so that a pipe's reader sees a figure when it is known.
enum Console {
  static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

  static func error(_ text: String) { write("bench: " + text + "\n", to: STDERR_FILENO) }

  private static func write(_ text: String, to descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 && errno != EINTR { return }
      rest = rest.dropFirst(max(0, written))
    }
  }
}
