/// The names of Linux's signals, which are the same on x86-64 and arm64.
///
/// The C library has them too, but only in versions that are younger than some machines that a child may run on.
enum SignalName {
  /// The signal's name; nil if the number is no signal's, or the C library keeps it for itself (32 and 33).
  static func name(of number: Int32) -> String? {
    switch number {
    case 1...Int32(standard.count): standard[Int(number) - 1]
    case 34: "SIGRTMIN"
    case 35...63: "SIGRTMIN+\(number - 34)"
    case 64: "SIGRTMAX"
    default: nil
    }
  }

  private static let standard = [
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
    "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
    "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
  ]
}
