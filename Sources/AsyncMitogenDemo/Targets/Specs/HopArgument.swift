/// What stands between a hop's method and its options: a shorthand for those options that nearly everybody gives.
enum HopArgument: Hashable, Sendable {
  /// `local`
  case nothing
  /// `sudo:USER`
  case user
  /// `ssh:[USER@]HOST[:PORT]`
  case host
  /// `docker:[USER@]NAME`; some methods take no user.
  case name(option: String, takesUser: Bool)
  /// `setns:KIND=[USER@]NAME`
  case kindAndName

  /// How it is written behind a method, for help and errors.
  func usage(of method: String) -> String {
    switch self {
    case .nothing: method
    case .user: "\(method)[:USER]"
    case .host: "\(method):[USER@]HOST[:PORT]"
    case .name(_, let takesUser): "\(method):\(takesUser ? "[USER@]" : "")NAME"
    case .kindAndName: "\(method):KIND=[USER@]NAME"
    }
  }

  /// The options that an argument stands for. What is left out, or empty, stands for none.
  func options(of text: Substring) throws(HopError) -> [String: [String]] {
    guard !text.isEmpty else { return [:] }
    switch self {
    case .nothing: throw HopError("it takes no argument")
    case .user: return ["username": [try HopArgument.word(text, "user")]]
    case .host: return try HopArgument.host(text)
    case .name(let option, let takesUser):
      guard takesUser else { return [option: [try HopArgument.word(text, "name")]] }
      return try HopArgument.named(text, option: option)
    case .kindAndName:
      guard let equals = text.firstIndex(of: "=") else { throw HopError("there is no '=' between kind and name") }
      var options = try HopArgument.named(text[text.index(after: equals)...], option: "container")
      options["kind"] = [try HopArgument.word(text[..<equals], "kind")]
      return options
    }
  }

  /// The argument that stands for options, and takes them away; empty if they cannot be written so.
  func text(taking options: inout [String: [String]]) -> String {
    func take(_ name: String) -> String? { options.removeValue(forKey: name)?.last.map(PercentText.encode) }
    switch self {
    case .nothing: return ""
    case .user: return take("username") ?? ""
    case .host:
      guard let host = options.removeValue(forKey: "hostname")?.last else { return "" }
      let user = take("username").map { $0 + "@" } ?? ""
      let port = take("port").map { ":" + $0 } ?? ""
      // In brackets, colons are the address's own.
      let isAddress = host.contains(":")
      return user + (isAddress ? "[" + HopArgument.encodedAddress(host) + "]" : PercentText.encode(host)) + port
    case .name(let option, let takesUser):
      guard let name = take(option) else { return "" }
      return (takesUser ? take("username").map { $0 + "@" } ?? "" : "") + name
    case .kindAndName:
      guard let kind = take("kind"), let name = take("container") else { return "" }
      return kind + "=" + (take("username").map { $0 + "@" } ?? "") + name
    }
  }
}

// MARK: - Parts

extension HopArgument {
  /// One part of an argument.
  private static func word(_ text: Substring, _ role: String) throws(HopError) -> String {
    if let mark = text.first(where: { "@:=[]".contains($0) }) {
      throw HopError("'\(mark)' does not belong into a \(role): write \(PercentText.encode(String(mark))) if it does")
    }
    let word = try PercentText.decode(text)
    try check(word, role)
    return word
  }

  /// Refuses what a program could take for something else.
  static func check(_ word: String, _ role: String) throws(HopError) {
    guard !word.isEmpty else { throw HopError("the \(role) is empty") }
    guard !word.hasPrefix("-") else { throw HopError("a \(role) cannot begin with '-'") }
  }

  private static func named(_ text: Substring, option: String) throws(HopError) -> [String: [String]] {
    guard let at = text.lastIndex(of: "@") else { return [option: [try word(text, "name")]] }
    return [
      "username": [try word(text[..<at], "user")], option: [try word(text[text.index(after: at)...], "name")],
    ]
  }

  private static func host(_ text: Substring) throws(HopError) -> [String: [String]] {
    var options: [String: [String]] = [:]
    var rest = text
    if let at = rest.lastIndex(of: "@") {
      let user = rest[..<at]
      guard !user.contains(":") else { throw HopError("a password is an option: ?password=…") }
      options["username"] = [try word(user, "user")]
      rest = rest[rest.index(after: at)...]
    }
    let (host, port) = rest.hasPrefix("[") ? try bracketed(rest) : try plain(rest)
    options["hostname"] = [host]
    if let port { options["port"] = [try PercentText.decode(port)] }
    return options
  }

  private static func plain(_ text: Substring) throws(HopError) -> (host: String, port: Substring?) {
    let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count < 3 else { throw HopError("an IPv6 address stands in brackets: [2001:db8::1]") }
    return (try word(parts[0], "host"), parts.count > 1 ? parts[1] : nil)
  }

  private static func bracketed(_ text: Substring) throws(HopError) -> (host: String, port: Substring?) {
    guard let close = text.firstIndex(of: "]") else { throw HopError("there is no ']' behind the address") }
    let address = try PercentText.decode(text.dropFirst()[..<close])
    // The zone is whatever the system calls its network interface.
    let zone = address.firstIndex(of: "%") ?? address.endIndex
    let digits = address[..<zone]
    guard digits.contains(":"), digits.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
      throw HopError("what is in brackets is not an IPv6 address")
    }
    let rest = text[text.index(after: close)...]
    guard rest.isEmpty || rest.hasPrefix(":") else { throw HopError("'\(rest)' behind ']' is not a port") }
    return (address, rest.isEmpty ? nil : rest.dropFirst())
  }

  private static func encodedAddress(_ address: String) -> String {
    address.split(separator: ":", omittingEmptySubsequences: false).map { PercentText.encode(String($0)) }
      .joined(separator: ":")
  }
}
