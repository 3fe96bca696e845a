/// How file services read the names of files: by their text alone, as Python's `os.path` does. Pure.
enum ServedPath {
  /// How long a path may be, in bytes: the system's own limit.
  static let lengthLimit = 4_096

  /// Whether the system can have such a file at all.
  static func isPossible(_ path: String) -> Bool {
    !path.isEmpty && path.utf8.count < lengthLimit && !path.utf8.contains(0)
  }

  /// The names on the way from the root, without `.` and `..`; those above the root are the root.
  static func components(_ path: String, in directory: String) -> [Substring] {
    let whole = path.utf8.first == 0x2f ? path : directory + "/" + path
    var names: [Substring] = []
    for name in whole.split(separator: "/") {
      switch name {
      case ".": continue
      case "..": _ = names.popLast()
      default: names.append(name)
      }
    }
    return names
  }

  /// A path from its names.
  static func joined(_ names: some Sequence<Substring>) -> String { "/" + names.joined(separator: "/") }
}

/// Which files a service gives to whom: single ones, and directories with all that is in them. Pure.
struct ServedPaths: Sendable {
  /// What a request may open.
  enum Access: Equatable, Sendable {
    /// This file, wherever links lead.
    case file(String)
    /// What these names lead to below a directory, and nothing that is not below it.
    case beneath(String, [String])
  }

  /// How many may be registered.
  let limit: Int
  private var files: Set<String> = []
  private var directories: Set<String> = []

  init(limit: Int) { self.limit = max(1, limit) }

  /// How many are registered.
  var count: Int { files.count + directories.count }

  /// Lets everybody have a file; false if there are too many.
  mutating func register(_ path: String) -> Bool {
    guard count < limit || files.contains(path) else { return false }
    files.insert(path)
    return true
  }

  /// Lets everybody have what is in a directory; false if there are too many.
  mutating func registerPrefix(_ path: String, in directory: String) -> Bool {
    let whole = ServedPath.joined(ServedPath.components(path, in: directory))
    guard count < limit || directories.contains(whole) else { return false }
    directories.insert(whole)
    return true
  }

  /// What a request for a path may open, to be tried in this order; empty if nothing.
  func access(_ path: String, in directory: String, isPrivileged: Bool) -> [Access] {
    if isPrivileged || files.contains(path) { return [.file(path)] }
    let names = ServedPath.components(path, in: directory)
    var found: [Access] = []
    // The largest directory first: links below it may lead anywhere below it.
    for count in 0...names.count {
      let prefix = ServedPath.joined(names.prefix(count))
      guard directories.contains(prefix) else { continue }
      found.append(
        count == names.count ? .file(prefix) : .beneath(prefix, names.dropFirst(count).map(String.init)))
    }
    return found
  }
}
