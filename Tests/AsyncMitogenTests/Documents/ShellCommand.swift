import Glibc

/// A command of the shell, with all that it prints.
struct ShellCommand {
  let status: Int32
  let output: String

  /// Runs a command line and waits for its end.
  init(_ line: String) throws {
    guard let pipe = unsafe popen("exec 2>&1; " + line, "r") else { throw NotStarted(line: line) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = unsafe fread(&chunk, 1, chunk.count, pipe), count > 0 { bytes += chunk[..<count] }
    let ended = unsafe pclose(pipe)
    status = ended & 0x7f == 0 ? (ended >> 8) & 0xff : 128 + (ended & 0x7f)
    output = String(decoding: bytes, as: UTF8.self)
  }

  struct NotStarted: Error { let line: String }

  /// One argument, for the shell.
  static func quoted(_ argument: String) -> String {
    "'" + argument.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }

  /// Whether the shell finds a program.
  static func finds(_ program: String) -> Bool { (try? ShellCommand("command -v \(program)").status == 0) ?? false }
}

/// Where things are.
enum Place {
  /// The folder of the package.
  static var package: String { parent(of: #filePath, 4) }

  /// The folder in which the package is being tested.
  static var build: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    return parent(of: String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self), 1)
  }

  private static func parent(of path: String, _ levels: Int) -> String {
    path.split(separator: "/").dropLast(levels).reduce("") { $0 + "/" + $1 }
  }
}
