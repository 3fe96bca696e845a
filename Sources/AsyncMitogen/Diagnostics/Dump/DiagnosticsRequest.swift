/// What a parent may ask of a context's broker on the handle ``Handle/diagnostics``; the payload is the word.
///
/// Not a call: it is answered also while calls take all threads, or too many wait already.
enum DiagnosticsRequest: String {
  /// The answer is the text of the dump.
  case dump
  /// The context begins to write a debug log of its own; the answer is the file's path.
  case debug

  init?(_ message: Message) {
    guard !message.isDead, message.payload.count <= 16 else { return nil }
    self.init(rawValue: String(decoding: message.payload, as: UTF8.self))
  }
}

extension Router {
  /// Asks many contexts at once; those that give no answer are left out.
  nonisolated static func ask(
    _ contexts: [Context], _ question: @escaping @Sendable (Context) async -> String?
  ) async -> [ContextID: String] {
    await withTaskGroup(of: (ContextID, String?).self) { group in
      for context in contexts { group.addTask { (context.id, await question(context)) } }
      var answers: [ContextID: String] = [:]
      for await (context, answer) in group { answers[context] = answer }
      return answers
    }
  }

  /// Answers what parents want to know of this context.
  func answerDiagnostics(_ message: Message) {
    switch DiagnosticsRequest(message) {
    case nil: return
    case .dump:
      reply(to: message, encoding: .binary, payload: Array(dump().utf8.prefix(DumpLimits.bytes)))
    case .debug:
      let path = startDebugLog()
      reply(to: message, encoding: .binary, payload: Array((path ?? "").utf8))
    }
  }
}

/// What a dump may cost.
enum DumpLimits {
  /// How long its text may be on its way to another context, in bytes.
  static let bytes = 4 << 20
}
