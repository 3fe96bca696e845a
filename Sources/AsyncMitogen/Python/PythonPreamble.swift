/// What a Python interpreter is sent to become a context: the source of `mitogen.core`, and behind it the line that starts
/// it with its configuration.
enum PythonPreamble {
  /// The preamble.
  ///
  /// The source stays as the master compressed it; the first stage takes what is behind its end as it is.
  static func bytes(core: [UInt8], configuration: ChildConfiguration, _ python: PythonDescription) -> [UInt8] {
    core + Array("\nExternalContext(\(literal(of: configuration, python))).main()\n".utf8)
  }

  /// Mitogen's configuration, as Python writes it.
  static func literal(of configuration: ChildConfiguration, _ python: PythonDescription) -> String {
    let entries: [(String, String)] = [
      ("parent_ids", "[" + configuration.parentIDs.map { "\($0)" }.joined(separator: ", ") + "]"),
      ("context_id", "\(configuration.contextID)"),
      ("debug", PythonText.bool(configuration.debug)),
      ("import_blocks", PythonText.list(python.blocks)),
      ("import_overrides", PythonText.list(python.overrides)),
      ("log_levels", "[" + configuration.logLevels.map(String.init).joined(separator: ", ") + "]"),
      ("profiling", PythonText.bool(configuration.profiling)),
      ("unidirectional", PythonText.bool(configuration.unidirectional)),
      ("max_message_size", "\(configuration.maximumMessageSize)"),
      ("version", "(" + python.version.map { "\($0), " }.joined() + ")"),
    ]
    return "{" + entries.map { "'\($0.0)': \($0.1)" }.joined(separator: ", ") + "}"
  }
}

extension PythonText {
  /// `True` or `False`.
  static func bool(_ value: Bool) -> String { value ? "True" : "False" }
}
