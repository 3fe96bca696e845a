internal import Glibc

/// A program could not be run with an `ssh` that leads to a context.
public struct FakeSSHError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, for a person.
  public let message: String

  init(_ message: String) { self.message = message }

  /// A system call failed.
  init(_ subject: String, code: Int32) { message = unsafe "\(subject): \(String(cString: strerror(code)))" }

  /// The message.
  public var description: String { message }
}
