/// What may help with programs that end without a word.
enum EndHint {
  static let lxc = text("LXC")
  static let incus = text("Incus")

  private static func text(_ program: String) -> String {
    "Note: many versions of \(program) do not report program execution failure meaningfully. "
      + "Please check the host logs (/var/log) for more information."
  }
}
