/// What runs on a machine before our program does: a line of POSIX shell that reads the program from its standard input
/// and becomes it.
///
/// It says what the machine is and whether it has the image; takes the image if not; checks its digest; and executes it
/// with `mitogen:NAME` as its first argument and `ASYNC_MITOGEN_CHILD=1` in its environment. It leaves nothing on disk,
/// unless a cache was asked for. ``FirstStageDialogue`` is the other side.
struct FirstStage: Sendable, Hashable {
  /// Tells this connection's lines from what else is printed, and its files from those of others.
  let token: String
  /// How the process is called in process listings.
  let name: String
  let cache: ImageCache
  /// The digests of the images that may be in the cache, by ``TargetFacts/platform``.
  let digests: [String: String]
  /// Files without which the image cannot start, such as the loader of a dynamic one.
  let requiredFiles: [String]

  /// The file that runs here, if that can be executed over there just as well.
  let ownFile: OwnFile?

  /// Whether the image is sent as it is: the link is as fast as memory.
  let isNear: Bool

  /// Makes a first stage.
  ///
  /// - Parameter token: Letters and digits that no other connection has; nil for random ones.
  init(
    name: String, cache: ImageCache = .none, digests: [String: String] = [:], requiredFiles: [String] = [],
    ownFile: OwnFile? = nil, isNear: Bool = false, token: String? = nil
  ) {
    self.ownFile = ownFile
    self.isNear = isNear
    self.token = token ?? FirstStage.randomToken()
    self.name = FirstStage.plain(name)
    self.cache = cache
    self.digests = cache == .none ? [:] : digests
    self.requiredFiles = requiredFiles
  }

  /// The command, for a program that takes arguments: sudo, docker, …
  var arguments: [String] {
    let words =
      ownFile.map { [FirstStage.ownFileText + FirstStage.text, "sh", $0.argument] } ?? [FirstStage.text, "sh"]
    return ["sh", "-c"] + words + [token, name, cacheArgument]
      + digests.map { "\($0.key)=\($0.value)" }.sorted() + requiredFiles
  }

  /// The command as one line, for a program that gives it to somebody's login shell: ssh, su, …
  ///
  /// - Throws: ``ProgramImageError/cannotQuote(_:)`` if a path holds what no quotes carry through every shell.
  func commandLine() throws(ProgramImageError) -> String {
    var line = "exec"
    for argument in arguments { line += " " + (try FirstStage.quoted(argument)) }
    return line
  }

  private var cacheArgument: String {
    switch cache {
    case .none: ""
    case .user: "~"
    case .directory(let path): path
    }
  }

  /// One word, for sh, csh and fish.
  static func quoted(_ word: String) throws(ProgramImageError) -> String {
    // csh expands an exclamation mark within quotes, fish a backslash; a newline ends a line of csh.
    for byte in word.utf8 where [0x00, 0x0a, 0x21, 0x27, 0x5c].contains(byte) {
      throw ProgramImageError.cannotQuote(word)
    }
    return "'" + word + "'"
  }

  /// A name that needs no quotes anywhere, and is no path: other characters become underscores.
  private static func plain(_ name: String) -> String {
    let others = Set("@._:+,=-".utf8)
    let bytes = name.utf8.prefix(200).map { byte -> UInt8 in
      switch byte | 0x20 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"): return byte
      case UInt8(ascii: "0")...UInt8(ascii: "9") where byte & 0x20 != 0: return byte
      default: return others.contains(byte) ? byte : UInt8(ascii: "_")
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// 64 random bits.
  private static func randomToken() -> String { String(UInt64.random(in: 1 << 60...UInt64.max), radix: 36) }
}
