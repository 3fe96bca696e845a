internal import AsyncMitogen

/// How a command ended, or why it could not run: one of the three is there.
struct CommandEnd: Codable, Sendable, Equatable {
  var exitCode: Int32?
  /// The number of the signal that killed it.
  var signal: Int32?
  /// Why nothing is known of its end.
  var error: String?

  var isSuccess: Bool { exitCode == 0 }

  private var status: ExitStatus? {
    exitCode.map { .exited(code: $0) } ?? signal.map { .signalled(number: $0) }
  }

  /// How it ended, in words.
  var text: String { status.map { "\($0)" } ?? error ?? "ended in an unknown way" }

  var json: [JSONValue.Member] {
    if let exitCode { return [JSONValue.Member(name: "status", value: .integer(Int(exitCode)))] }
    let reason = JSONValue.Member(name: "error", value: .string(text))
    return signal.map { [JSONValue.Member(name: "signal", value: .integer(Int($0))), reason] } ?? [reason]
  }
}
