internal import CAsyncMitogen
internal import Glibc

/// Opens a file below a directory, and never one that is not below it, whoever changes the tree meanwhile.
///
/// Each name is opened by itself, in the directory that was opened for the name before it, and never through a link:
/// links are read and followed here, by the same rule. `..` goes back to the directory that was come through. So every
/// directory on the way was reached downwards from the first, and nothing that is exchanged between a look and its use
/// can lead out. `openat2` does this too, but not on every kernel, and it refuses absolute links that lead back inside.
struct BeneathWalk {
  enum Failure: Error, Equatable {
    /// The names lead out of the directory, or round in circles.
    case outside
    case system(Int32)
  }

  /// How many links may be on the way, as many as the system itself follows.
  private static let linkLimit = 40

  private let root: String
  /// The directories on the way; the first is the root's.
  private var directories: [FileDescriptor]
  /// What is still to be walked, in reverse.
  private var rest: [String]
  private var links = 0

  /// Opens a file for reading.
  static func open(_ names: [String], beneath root: String) throws(Failure) -> FileDescriptor {
    var walk = try BeneathWalk(names, root)
    return try walk.run()
  }

  private init(_ names: [String], _ root: String) throws(Failure) {
    self.root = root
    let number = unsafe amt_open_at(AMT_CURRENT_DIRECTORY, root, AMT_OPEN_ROOT)
    guard number >= 0 else { throw .system(-number) }
    directories = [FileDescriptor(number)]
    rest = names.reversed()
  }

  private mutating func run() throws(Failure) -> FileDescriptor {
    while let name = rest.popLast() {
      if name == "." || name.isEmpty { continue }
      if name == ".." {
        guard directories.count > 1 else { throw .outside }
        directories.removeLast()
        continue
      }
      guard let directory = directories.last else { throw .outside }
      let isLast = rest.allSatisfy { $0.isEmpty || $0 == "." }
      let number = unsafe amt_open_at(directory.number, name, isLast ? AMT_OPEN_FILE : AMT_OPEN_DIRECTORY)
      if number >= 0 {
        let opened = FileDescriptor(number)
        if isLast { return opened }
        directories.append(opened)
        continue
      }
      // A link says ELOOP where a file was wanted, and ENOTDIR where a directory was.
      guard -number == ELOOP || -number == ENOTDIR else { throw .system(-number) }
      try follow(name, in: directory, otherwise: -number)
    }
    // What is left is a directory, which is opened to be refused as one.
    guard let directory = directories.last else { throw .outside }
    let number = unsafe amt_open_at(directory.number, ".", AMT_OPEN_FILE)
    guard number >= 0 else { throw .system(-number) }
    return FileDescriptor(number)
  }

  /// Goes on where a link leads.
  private mutating func follow(
    _ name: String, in directory: FileDescriptor, otherwise code: Int32
  ) throws(Failure) {
    var target = [CChar](repeating: 0, count: ServedPath.lengthLimit)
    let count = unsafe readlinkat(directory.number, name, &target, target.count)
    guard count >= 0 else { throw .system(errno == EINVAL ? code : errno) }
    links += 1
    guard links <= BeneathWalk.linkLimit else { throw .outside }
    let path = String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var names = path.split(separator: "/").map(String.init)
    if path.utf8.first == 0x2f {
      // The names above the root are not looked at: what they are called has to be enough.
      let above = root.split(separator: "/").map(String.init)
      guard names.starts(with: above) else { throw .outside }
      names.removeFirst(above.count)
      directories.removeLast(directories.count - 1)
    }
    rest += names.reversed()
  }
}
