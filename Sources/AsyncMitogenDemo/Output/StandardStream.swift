internal import Glibc

/// Standard output or standard error: writes to it, and knows what may be written there.
///
/// Not buffered, so that what is written is seen at once, also by the reader of a pipe.
struct StandardStream: Sendable {
  static let output = StandardStream(descriptor: STDOUT_FILENO)
  static let error = StandardStream(descriptor: STDERR_FILENO)

  private let descriptor: Int32
  /// Whether colours and lines that are rewritten make sense there.
  let isDecorated: Bool

  private init(descriptor: Int32) {
    self.descriptor = descriptor
    let refused = !(StandardStream.variable("NO_COLOR") ?? "").isEmpty || StandardStream.variable("TERM") == "dumb"
    isDecorated = isatty(descriptor) == 1 && !refused
  }

  /// The terminal's width in columns; nil if there is no terminal, and lines may be as long as they like.
  var columns: Int? { size.flatMap { $0.ws_col > 0 ? Int($0.ws_col) : nil } }

  /// The terminal's height in lines; nil if there is no terminal.
  var rows: Int? { size.flatMap { $0.ws_row > 0 ? Int($0.ws_row) : nil } }

  private var size: winsize? {
    var size = winsize()
    return unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? size : nil
  }

  /// Waits until nobody can read what is written any more, as behind a pipe to a program that has ended.
  func waitForLoss() async throws {
    while true {
      var request = pollfd(fd: descriptor, events: 0, revents: 0)
      if unsafe poll(&request, 1, 0) > 0, request.revents & Int16(POLLERR) != 0 { return }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  /// Writes all of a text.
  func write(_ text: String) throws(OutputError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        // Another process that shares the terminal may have made it non-blocking.
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&request, 1, -1)
      } else if errno != EINTR {
        throw OutputError(code: errno)
      }
    }
  }

  /// Writes lines, each with a newline after it.
  func write(lines: [String]) throws(OutputError) {
    try write(lines.map { $0 + "\n" }.joined())
  }

  private static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}

/// Standard output or error cannot be written to.
struct OutputError: Error, CustomStringConvertible {
  let code: Int32

  var description: String { "cannot write: \(unsafe String(cString: strerror(code)))" }
}
