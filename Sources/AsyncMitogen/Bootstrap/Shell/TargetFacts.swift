/// What the first stage found out about the machine that it runs on.
public struct TargetFacts: Sendable, Hashable {
  /// `uname -s`: `Linux`.
  public var system: String
  /// `uname -m`: `x86_64`, `aarch64`, …
  public var machine: String
  /// Whether it can unpack what is compressed.
  public var hasGzip: Bool
  /// Whether it has a program that computes digests, without which no image is executed.
  public var hasDigest: Bool
  /// Whether a file that was asked for, the image's loader, is missing.
  public var lacksLoader: Bool
  /// Whether it has the image already.
  public var isCached: Bool

  /// Makes facts.
  public init(
    system: String, machine: String, hasGzip: Bool = true, hasDigest: Bool = true, lacksLoader: Bool = false,
    isCached: Bool = false
  ) {
    self.system = system
    self.machine = machine
    self.hasGzip = hasGzip
    self.hasDigest = hasDigest
    self.lacksLoader = lacksLoader
    self.isCached = isCached
  }

  /// Both, as `uname -sm` prints them: the key of an image in a fleet.
  public var platform: String { "\(system) \(machine)" }

  /// Reads what is behind `facts` in the first stage's line; nil if it is none.
  init?(words: [Substring]) {
    guard let end = words.firstIndex(of: "uname"), words.count > end + 2 else { return nil }
    let flags = words[..<end]
    self.init(
      system: String(words[end + 1]), machine: String(words[end + 2]), hasGzip: flags.contains("gzip"),
      hasDigest: flags.contains("sha256"), lacksLoader: flags.contains("missing"), isCached: flags.contains("cached"))
  }
}
