/// How a process ended.
public enum ExitStatus: Hashable, Sendable, Codable {
  /// It ended by itself, with this code: 0 to 255, 0 for success.
  case exited(code: Int32)
  /// It was killed by the signal of this number.
  case signalled(number: Int32)

  /// Reads the status that `waitpid` gives for a process that ended.
  public init(waitStatus: Int32) {
    let signal = waitStatus & 0x7F
    self = signal == 0 ? .exited(code: waitStatus >> 8 & 0xFF) : .signalled(number: signal)
  }

  /// Reads a status as Python's `subprocess` writes it: a code, or a signal's number below zero.
  public init(returnCode: Int32) {
    self = returnCode < 0 ? .signalled(number: -returnCode) : .exited(code: returnCode)
  }

  /// Whether it ended by itself and with 0.
  public var isSuccess: Bool { self == .exited(code: 0) }
}

extension ExitStatus: CustomStringConvertible {
  /// Mitogen's texts: `exited with return code 1`, `exited due to signal 9 (SIGKILL)`.
  public var description: String {
    switch self {
    case .exited(let code): "exited with return code \(code)"
    case .signalled(let number):
      "exited due to signal \(number)" + (SignalName.name(of: number).map { " (\($0))" } ?? "")
    }
  }
}
