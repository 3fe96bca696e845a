import AsyncMitogen
import Glibc

private let bed = Testbed.shared

/// Starts a context on this machine, where something is not as it is on most.
struct OddConnection: CommandConnection {
  static let methodName = "odd"
  var options = ConnectionOptions()
  /// Lines of shell that run before, as root and in a mount namespace of their own.
  var preparation: String
  /// The environment is this one alone.
  var environment: [String]
  var defaultName: String { "odd" }

  /// - Parameters:
  ///   - preparation: Lines of shell.
  ///   - path: Where programs are looked for, the shell among them.
  ///   - environment: What else is in the environment.
  init(_ preparation: String = ":", path: String = "/usr/bin:/bin", _ environment: [String] = []) {
    self.preparation = preparation
    self.environment = ["PATH=" + path, "LD_LIBRARY_PATH=" + Environment.value("LD_LIBRARY_PATH")] + environment
  }

  func commandLine(boot: [String]) -> [String] {
    ["unshare", "-m", "sh", "-c", preparation + "\nexec \"$@\"", "sh", "env", "-i"] + environment + boot
  }

  /// Every directory that the first stage tries but one mounted so that it does not do.
  static func mounting(_ places: [(place: String, options: String)]) -> String {
    places.map { "mount -t tmpfs -o \($0.options) none \($0.place) || exit 9" }.joined(separator: "\n")
      + "\ncd /dev/shm"
  }
}

/// What a process finds in its environment.
enum Environment {
  static func value(_ name: String) -> String { unsafe getenv(name).map { unsafe String(cString: $0) } ?? "" }
}

/// What a process knows of itself.
enum Own {
  static var mask: mode_t {
    let mask = umask(0)
    umask(mask)
    return mask
  }

  static var directory: String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    guard unsafe getcwd(&buffer, buffer.count) != nil else { return "" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The account that it runs as.
  static var account: String { unsafe getpwuid(getuid()).map { unsafe String(cString: $0.pointee.pw_name) } ?? "" }
}
