/// The program that a context is to run: this one, a file, or one file for each type of machine.
///
/// It is sent to the context that starts another, so paths are those of that context's machine.
public struct ProgramImage: Sendable, Hashable, Codable {
  private enum Source: Sendable, Hashable, Codable {
    case own
    case file(String)
    case fleet([String: String])
  }

  private let source: Source

  /// The program that runs here, also if its file has been replaced or deleted since.
  public static let own = ProgramImage(source: .own)

  /// The program in a file; it must link AsyncMitogen.
  public static func file(_ path: String) -> ProgramImage { ProgramImage(source: .file(path)) }

  /// One program for each type of machine, by what `uname -sm` prints there: `["Linux aarch64": "build/arm/program"]`.
  ///
  /// An empty path stands for the program that runs here.
  public static func fleet(_ paths: [String: String]) -> ProgramImage { ProgramImage(source: .fleet(paths)) }

  /// What is known of an image without running it.
  public struct Details: Sendable, Hashable, Codable {
    /// SHA-256 of the file, in hexadecimal.
    public let digest: String
    /// Of the file: bytes.
    public let size: Int
    /// Tells one build from another: closures cross only between processes with the same one.
    public let identity: String
    /// The type of machine that it runs on, as `uname -m` calls it.
    public var machine: String { elf.name }
    /// Whether it needs neither loader nor libraries.
    public let isStatic: Bool
    /// The loader that it needs.
    public let interpreter: String?
    /// The shared libraries that it needs.
    public let neededLibraries: [String]
    let elf: ELFMachine

    /// Throws an error that says what to do if the image cannot run on a machine.
    public func check(against facts: TargetFacts) throws(ProgramImageError) {
      guard facts.system == "Linux", elf.runs(on: facts.machine) else {
        throw .wrongMachine(image: "Linux \(machine)", target: facts.platform)
      }
      if facts.lacksLoader, let interpreter { throw .missingLoader(path: interpreter) }
      guard facts.hasDigest else { throw .noDigestTool }
    }
  }

  /// Reads the image for a machine, `uname -sm`; for this one if nil. In the background, and once per process and file.
  public func details(for platform: String? = nil) async throws(ProgramImageError) -> Details {
    try await prepared(for: platform).details
  }

  /// Every image that may be asked for, by platform: for the first stage's look into the cache.
  ///
  /// A fleet's images are all read for it.
  func digests() async throws(ProgramImageError) -> [String: String] {
    guard case .fleet(let paths) = source else {
      let details = try await details()
      return ["Linux \(details.machine)": details.digest]
    }
    var result: [String: String] = [:]
    for platform in paths.keys { result[platform] = try await details(for: platform).digest }
    return result
  }

  /// The loaders without which its images cannot start.
  func requiredFiles() async throws(ProgramImageError) -> [String] {
    // Of a fleet each image would ask every machine for its own loader.
    if case .fleet = source { return [] }
    return try await details().interpreter.map { [$0] } ?? []
  }

  func prepared(for platform: String?) async throws(ProgramImageError) -> PreparedImage {
    try await ImageStore.shared.image(at: path(for: platform))
  }

  private func path(for platform: String?) throws(ProgramImageError) -> String {
    switch source {
    case .own: return ImageStore.ownPath
    case .file(let path): return path
    case .fleet(let paths):
      let platform = platform ?? HostPlatform.name
      guard let path = paths[platform] else {
        throw .noImage(platform: platform, known: paths.keys.sorted())
      }
      return path.isEmpty ? ImageStore.ownPath : path
    }
  }
}
