/// One line on standard error that is rewritten as work goes on; nothing at all where that cannot be seen.
struct ProgressLine {
  private let stream = StandardStream.error

  private init() {}

  /// Runs a body that shows its progress; nothing of that is left when it is done.
  static func showing<Result>(_ body: (ProgressLine) async throws -> Result) async rethrows -> Result {
    let line = ProgressLine()
    defer { line.write("") }
    return try await body(line)
  }

  /// Shows a text in place of the last one.
  func show(_ text: String) {
    // One column stays free: some terminals wrap when the last one is written.
    write(text.truncated(to: (stream.columns ?? 80) - 1))
  }

  private func write(_ text: String) {
    guard stream.isDecorated else { return }
    // Whether progress is seen decides nothing.
    try? stream.write("\r\u{1B}[K" + text)
  }
}
