/// A program that cannot be sent to a machine, or would not run there.
public enum ProgramImageError: Error, Sendable, Hashable, Codable {
  /// The file cannot be read; with the system's error number.
  case unreadable(path: String, errorNumber: Int32)
  /// The file is no executable.
  case notAProgram(path: String)
  /// The fleet has no image for a machine that calls itself so.
  case noImage(platform: String, known: [String])
  /// The image is for another machine type.
  case wrongMachine(image: String, target: String)
  /// The image needs a loader that the machine lacks.
  case missingLoader(path: String)
  /// The machine cannot compute a digest, and an image that was not checked is not executed.
  case noDigestTool
  /// A path holds a quote, an exclamation mark, a backslash or a newline, which no quotes carry through every shell.
  case cannotQuote(String)
}

extension ProgramImageError: CustomStringConvertible {
  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .unreadable(let path, let number): "cannot read the program \(path) (error \(number))"
    case .notAProgram(let path): "\(path) is no executable program"
    case .noImage(let platform, let known):
      "there is no program for a machine of type \(platform), only for \(known.joined(separator: ", ")): "
        + "build one and add it to the fleet"
    case .wrongMachine(let image, let target):
      "the program is for \(image) and the machine is of type \(target): build it there, and give both in a fleet"
    case .missingLoader(let path):
      "the machine lacks \(path), which this program needs to start: build with -static-executable"
    case .noDigestTool: "the machine has none of sha256sum, busybox and openssl to check the program with"
    case .cannotQuote(let text): "no quotes carry this through every shell: \(text)"
    }
  }
}
