/// Why a request is refused: Mitogen's texts, which Python peers may compare, and ours.
enum ServiceRefusal {
  static let invalidFormat = ServiceError("Invalid message format.")
  /// Ours: Mitogen drops what waits.
  static let poolClosed = ServiceError("the service pool has been closed")
  /// Ours: Mitogen's callers wait for ever.
  static let sendsNoReply = "the method sends no reply"

  static func noSuchMethod(_ name: String) -> ServiceError { ServiceError("No such method: \(quoted(name))") }

  static func unauthorized(_ method: String, of service: String) -> ServiceError {
    ServiceError("Caller is not authorized to invoke \(quoted(method)) of service \(quoted(service))")
  }

  static func missing(_ argument: String) -> ServiceError {
    ServiceError("Required argument \(quoted(argument)) missing.")
  }

  static func wrongType(_ argument: String, found: String, expected: String) -> ServiceError {
    ServiceError("Argument \(quoted(argument)) type incorrect, got \(quoted(found)), expected \(quoted(expected))")
  }

  static func notActive(_ service: String) -> ServiceError {
    ServiceError(
      "Service \(quoted(service)) is not yet activated in this context, and the caller is not privileged, therefore "
        + "autoactivation is disabled.")
  }

  static func alreadyRegistered(_ service: String) -> ServiceError {
    ServiceError("service named \(quoted(service)) already registered")
  }

  /// Ours: Mitogen has what Python says of a failed import.
  static func unknown(_ service: String) -> ServiceError {
    ServiceError("this program has no service named \(quoted(service))")
  }

  static func duplicateMethod(_ method: String, of service: String) -> ServiceError {
    ServiceError("service \(quoted(service)) has two methods named \(quoted(method))")
  }

  static func tooMany(_ limit: QueueLimit) -> ServiceError {
    ServiceError("more than \(limit.messages) service requests, or \(limit.bytes) bytes of them, wait already")
  }

  /// As Python's `%r` shows text; what others sent must not break a line, nor fill a log.
  static func quoted(_ text: String) -> String {
    var shown = "'"
    for scalar in text.unicodeScalars.prefix(500) {
      switch scalar {
      case "'", "\\": shown += "\\\(scalar)"
      case "\n": shown += "\\n"
      case _ where scalar.value < 0x20 || scalar.value >= 0x7f && scalar.value < 0xa0:
        shown += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return shown + "'"
  }
}
