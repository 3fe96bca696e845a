internal import Glibc

/// Something could not be done with a file, and why.
struct FileError: Error, Equatable, CustomStringConvertible {
  /// What was tried: `open`, `write`, …
  let action: String
  let path: String
  /// The system's number for what went wrong.
  let code: Int32

  var description: String { "cannot \(action) '\(path)': \(unsafe String(cString: strerror(code)))" }
}
