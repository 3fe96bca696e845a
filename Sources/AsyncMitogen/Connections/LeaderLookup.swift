/// How to learn the process that a container began with.
struct LeaderLookup: Sendable, Hashable {
  /// What the program is called in messages.
  let program: String
  /// The command line that tells.
  let words: [String]
  /// The first word of the line whose second is the number; nil if the number is all that is printed.
  let label: String?

  /// Reads what the program printed, on either of its outputs.
  func leader(in output: String, status: ExitStatus) throws -> Int32 {
    guard status.isSuccess else {
      let code = if case .exited(let code) = status { code } else { Int32(-1) }
      throw StreamError("\(words[0]) exited with status \(code): \(output)")
    }
    guard let number = number(in: output), number > 0 else {
      throw StreamError("could not find PID from \(program) output.\n\(output)")
    }
    return number
  }

  private func number(in output: String) -> Int32? {
    guard let label = label?.lowercased() else { return Int32(PasswordPrompt.trimmed(output)) }
    for line in output.split(whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: \.isWhitespace)
      // LXD has changed the case of its label.
      if words.count >= 2, words[0].lowercased() == label { return Int32(words[1]) }
    }
    return nil
  }
}
