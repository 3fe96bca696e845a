/// Why the first stage did not become our program.
public struct FirstStageFailure: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Cause: String, Sendable, Hashable, Codable {
    /// No shell answered.
    case noShell
    /// The shell could not begin.
    case shell
    /// The stream ended before the image was announced.
    case link
    /// No directory takes the image and lets it run.
    case directory
    /// The image could not be unpacked: it was cut off, or the disk is full.
    case unpack
    /// The machine has no program that computes SHA-256, so the image cannot be checked.
    case nodigest
    /// What arrived is not what was sent.
    case digest
    /// The image was refused by the system.
    case exec
    /// A signal ended it.
    case killed
    /// A shared library is missing.
    case library
    /// The program ended before it said that it is up.
    case ended
  }

  /// What happened.
  public let cause: Cause
  /// For a directory, each one that was tried and why it does not do; for a library its name; empty otherwise.
  public let detail: String

  /// Makes a failure.
  public init(cause: Cause, detail: String = "") {
    self.cause = cause
    self.detail = detail
  }

  /// Reads what is behind `fail` in the first stage's line.
  init(words: [Substring]) {
    // Directories come as `reason:path`; every other cause is one word.
    if let first = words.first, words.count == 1, let cause = Cause(rawValue: String(first)) {
      self.init(cause: cause)
    } else {
      self.init(cause: .directory, detail: words.joined(separator: " "))
    }
  }

  /// What happened, and what to do.
  public var description: String {
    switch cause {
    case .noShell: "no POSIX shell answered"
    case .shell: "the shell could not begin"
    case .link: "the connection ended before the program was sent"
    case .directory:
      "no directory over there takes the program and lets it run (\(detail)): make room, or set XDG_RUNTIME_DIR to one"
    case .unpack: "the program could not be unpacked over there: it was cut off on its way, or the disk is full"
    case .nodigest: "the program cannot be checked over there: install sha256sum (coreutils or busybox) or openssl"
    case .digest: "the program was damaged on its way: what arrived has another digest"
    case .exec: "the system over there refuses to execute the program"
    case .killed: "a signal ended the start over there"
    case .library: "the shared library \(detail) is missing over there: build with -static-executable"
    case .ended: "the program ended before it was up"
    }
  }
}
