internal import AsyncMitogen

/// Asks a person what programs on the way to targets ask; one question after the other, for there is one terminal.
actor TerminalAuthenticator {
  private var last: Task<Void, Never>?

  /// Answers what is asked at a hop.
  nonisolated func authenticator(at hop: TargetHop) -> Authenticator {
    { request in try await self.answer(request, at: hop) }
  }

  /// The answer to what is asked at a hop.
  func answer(_ request: AuthenticationRequest, at hop: TargetHop) async throws -> Secret {
    let previous = last
    let asking = Task {
      await previous?.value
      try Task.checkCancellation()
      return try await TerminalQuestion.ask(
        TerminalAuthenticator.prompt(request, at: hop), for: "\(hop.label)?interactive=true")
    }
    last = Task { _ = await asking.result }
    return try await withTaskCancellationHandler {
      try await asking.value
    } onCancel: {
      asking.cancel()
    }
  }

  /// What a person sees. What a program wrote is shown only where it says more, and without what would move the cursor.
  static func prompt(_ request: AuthenticationRequest, at hop: TargetHop) -> String {
    // Progress may be shown in this line.
    let start = "\r\u{1B}[K" + (request.attempt > 1 ? "That was not accepted. " : "")
    switch request.kind {
    case .password: return start + "Password for \(hop.label): "
    case .passphrase(let key): return start + "Passphrase of \(plain(key)) for \(hop.label): "
    case .oneTimeCode, .other: return "\r\u{1B}[K\(hop.label) asks: \(plain(request.prompt)) "
    }
  }

  private static func plain(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(500).filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }))
  }
}

extension TargetHop {
  /// Whether a person is to answer what its options do not.
  var isInteractive: Bool { options["interactive"]?.last == "true" }
}
