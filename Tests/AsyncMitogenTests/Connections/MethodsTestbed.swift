import Glibc

/// The programs that Tests/Testbed/up has set up, by the file in which it says what there is.
struct Testbed: Sendable {
  /// What the file says.
  let values: [String: String]

  static let shared = Testbed()

  private init() {
    var values: [String: String] = [:]
    let folder = unsafe getenv("TESTBED_DIR").map { unsafe String(cString: $0) } ?? "/tmp/async-mitogen-testbed"
    for line in Testbed.read(folder + "/env").split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1].dropFirst().dropLast()) }
    }
    self.values = values
  }

  /// Whether a target is up.
  func has(_ target: String) -> Bool { geteuid() == 0 && self["TESTBED_" + target] == "up" }

  /// Why a target is not there.
  func reason(_ target: String) -> String {
    if geteuid() != 0 { return "the testbed needs root" }
    return values["TESTBED_\(target)_REASON"] ?? "Tests/Testbed/up has not set it up"
  }

  subscript(_ key: String) -> String { values[key] ?? "" }

  /// The command line that becomes one of the testbed's users.
  func `as`(_ user: String) -> [String] { [self["TESTBED_BIN"] + "/as", self[user]] }

  private static func read(_ path: String) -> String {
    guard let file = unsafe fopen(path, "r") else { return "" }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = unsafe fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
