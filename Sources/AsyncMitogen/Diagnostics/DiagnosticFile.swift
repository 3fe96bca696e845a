internal import Glibc

/// A file that a process writes about itself, in a directory that others may write to as well.
///
/// It is new or it is not written: nobody can have put a link, a pipe or a file of theirs in its place. Only its owner may
/// read it, for what is in it may be secret.
struct DiagnosticFile: ~Copyable {
  /// Where such files are, unless the environment says otherwise. Mitogen's, whatever TMPDIR says.
  static let standardDirectory = "/tmp"
  /// The variable that names another directory.
  static let directoryVariable = "MITOGEN_DIAGNOSTICS_DIRECTORY"
  /// How many names are tried.
  private static let attempts = 100

  /// Its path.
  let path: String
  private let descriptor: Int32

  /// Makes a file `directory/name.log`, or, if that is there, `name.1.log` and so on.
  ///
  /// - Throws: ``LogFileError`` if none can be made.
  init(named name: String, in directory: String = DiagnosticFile.directory) throws(LogFileError) {
    let base = directory + "/" + DiagnosticFile.sanitized(name)
    for number in 0..<DiagnosticFile.attempts {
      let path = base + (number == 0 ? "" : ".\(number)") + ".log"
      let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0o600)
      if descriptor >= 0 {
        self.path = path
        self.descriptor = descriptor
        return
      }
      guard errno == EEXIST else { throw LogFileError(path: path, errorNumber: errno) }
    }
    throw LogFileError(path: base + ".log", errorNumber: EEXIST)
  }

  deinit { close(descriptor) }

  /// Adds text at its end.
  func write(_ text: String) { LogOutput.write(Array(text.utf8), to: descriptor) }

  /// Adds bytes at its end.
  func write(_ bytes: [UInt8]) { LogOutput.write(bytes, to: descriptor) }

  /// Where such files are.
  static var directory: String {
    guard let value = unsafe getenv(directoryVariable) else { return standardDirectory }
    let path = unsafe String(cString: value)
    return path.isEmpty ? standardDirectory : path
  }

  /// A name of a file that stays in its directory, is not hidden, and can be typed: other characters become underscores.
  static func sanitized(_ name: String) -> String {
    var bytes = name.utf8.prefix(128).map { byte -> UInt8 in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): byte
      default: UInt8(ascii: "_")
      }
    }
    if bytes.first.map({ $0 == UInt8(ascii: ".") }) ?? true { bytes.insert(UInt8(ascii: "_"), at: 0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
