/// The label of a child in its machine's process list, when the program gives none: who started it, and where.
enum DefaultRemoteName {
  /// `user@host:pid` of the parent, with `/` and `\` as underscores: the label stands where a program's path is expected.
  static func make(user: String, host: String, pid: Int32) -> String {
    String("\(user)@\(host):\(pid)".map { $0 == "/" || $0 == "\\" ? "_" : $0 })
  }
}
