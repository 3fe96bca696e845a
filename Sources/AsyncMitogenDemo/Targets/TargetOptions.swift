internal import AsyncMitogen

/// Which targets a command is for, and how they are connected.
struct TargetOptions: Equatable, Sendable {
  /// Where targets come from.
  enum Source: Equatable, Sendable {
    case spec(TargetSpec)
    /// The path of a file.
    case inventory(String)
  }

  /// In the order in which they were given.
  var sources: [Source] = []
  /// The socket of the context from which targets are connected, and which is the target if there are none; this
  /// process's own tree if nil.
  var joined: String?
  /// How many are connected at once; 0 for all.
  var parallel = 16
  /// How long it may take until one is connected; as long as the connection methods allow if nil.
  var timeout: Duration?
  /// Whether a person is asked for the password that hops lack.
  var asksPassword = false

  static let parallelRange = 0...100_000
  static let timeoutRange = 0.001...1_000_000.0

  /// The targets, each once. Reads inventories, and may ask for a password.
  func load() throws -> [TargetSpec] {
    var specs: [TargetSpec] = []
    for source in sources {
      switch source {
      case .spec(let spec): specs.append(spec)
      case .inventory(let path): specs += try TargetOptions.inventory(path)
      }
    }
    if !sources.isEmpty, specs.isEmpty { throw UsageError("there are no targets: the inventory is empty") }
    if asksPassword, specs.contains(where: \.lacksPassword) {
      let password = try TerminalQuestion.secret("Password for all targets: ", for: "--password-prompt")
      specs = specs.map { $0.addingPassword(password) }
    }
    var seen: Set<TargetSpec> = []
    return specs.filter { seen.insert($0).inserted }
  }

  private static func inventory(_ path: String) throws(UsageError) -> [TargetSpec] {
    var bytes: [UInt8] = []
    do {
      let file = try OpenFile(reading: path)
      while case let chunk = try file.read(upTo: 65_536), !chunk.isEmpty { bytes += chunk }
    } catch {
      throw UsageError("--inventory: \(error)")
    }
    return try Inventory.targets(in: String(decoding: bytes, as: UTF8.self), of: path)
  }
}
