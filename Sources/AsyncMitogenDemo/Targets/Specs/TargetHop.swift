internal import AsyncMitogen

/// One step of the way to a target: a connection method and its options, by their names.
struct TargetHop: Hashable, Sendable {
  let method: HopMethod
  /// Never an option that the method does not have, and no list that is empty.
  private(set) var options: [String: [String]]

  /// Makes a hop; the options are tried.
  init(_ method: HopMethod, options: [String: [String]] = [:]) throws(HopError) {
    let syntax = method.syntax
    for name in options.keys.sorted() where !syntax.options.contains(where: { $0.name == name }) {
      let known = syntax.options.map(\.name).sorted().joined(separator: ", ")
      throw HopError("\(method.rawValue) has no option '\(name)' (there are \(known))")
    }
    // What somebody is called must not be an option to the program that is told of them.
    for user in options["username"] ?? [] { try HopArgument.check(user, "user") }
    for port in options["port"] ?? [] where !(1...65_535).contains(Int(port) ?? 0) {
      throw HopError("'\(port)' is not a port, a number from 1 to 65535")
    }
    _ = try syntax.make(options)
    self.method = method
    self.options = options
  }

  /// The method with its options.
  ///
  /// - Parameter timeout: How long it may take, unless an option says so.
  func connectionMethod(timeout: Duration?) throws(HopError) -> any ConnectionMethod {
    var method = try method.syntax.make(options)
    if let timeout, options["connect_timeout"] == nil { method.options.connectTimeout = timeout }
    return method
  }
}

// MARK: - Passwords

extension TargetHop {
  /// Whether the method can be given a password, and has none.
  var lacksPassword: Bool {
    options["password"] == nil && method.syntax.options.contains { $0.name == "password" }
  }

  /// The same hop with a password, if it lacks one.
  func addingPassword(_ password: Secret) -> TargetHop {
    guard lacksPassword else { return self }
    var hop = self
    hop.options["password"] = [password.reveal()]
    return hop
  }
}

// MARK: - Python

extension TargetHop {
  /// Whether it leads to a Python interpreter.
  var isPython: Bool { options["python"] != nil }

  /// The same hop to a Python interpreter, unless it leads to one.
  func addingPython(_ path: String) -> TargetHop {
    var hop = self
    if !isPython { hop.options["python"] = [path] }
    return hop
  }
}

// MARK: - Reading

extension TargetHop {
  /// Reads `METHOD[:ARGUMENT][?NAME=VALUE[&NAME=VALUE]…]`.
  init(parsing text: Substring) throws(HopError) {
    let query = text.firstIndex(of: "?")
    let head = text[..<(query ?? text.endIndex)]
    let colon = head.firstIndex(of: ":") ?? head.endIndex
    guard !head.isEmpty else { throw HopError("it is empty") }
    guard let method = HopMethod(rawValue: String(head[..<colon])) else {
      throw HopError("there is no method '\(head[..<colon])', only \(HopMethod.list)")
    }
    var options: [String: [String]]
    do {
      options = try method.syntax.argument.options(of: head[colon...].dropFirst())
    } catch {
      throw HopError("\(error.message); it is written \(method.syntax.argument.usage(of: method.rawValue))")
    }
    if let query {
      for piece in text[query...].dropFirst().split(separator: "&", omittingEmptySubsequences: false) {
        try TargetHop.add(piece, to: &options, of: method.syntax)
      }
    }
    do {
      try self.init(method, options: options)
    } catch  where options.isEmpty {
      throw HopError("\(error.message); it is written \(method.syntax.argument.usage(of: method.rawValue))")
    }
  }

  private static func add(
    _ piece: Substring, to options: inout [String: [String]], of syntax: HopSyntax
  ) throws(HopError) {
    guard let equals = piece.firstIndex(of: "="), equals > piece.startIndex else {
      throw HopError(
        "behind '?' stand options, NAME=VALUE, with '&' between them; in a value it is written %26")
    }
    let name = String(piece[..<equals])
    let value: String
    do {
      value = try PercentText.decode(piece[equals...].dropFirst())
    } catch {
      throw HopError("\(name): \(error.message)")
    }
    let repeats = syntax.options.contains { $0.name == name && $0.repeats }
    guard repeats || options[name] == nil else { throw HopError("\(name) is given twice") }
    options[name, default: []].append(value)
  }
}

// MARK: - Writing

extension TargetHop {
  /// The hop as it could be typed, with its secrets.
  var revealedText: String { text { _, value in PercentText.encode(value) } }

  private func text(_ written: (HopOption, String) -> String) -> String {
    var rest = options
    let syntax = method.syntax
    let argument = syntax.argument.text(taking: &rest)
    let pieces = syntax.options.sorted { $0.name < $1.name }.flatMap { option in
      rest[option.name, default: []].map { "\(option.name)=\(written(option, $0))" }
    }
    return method.rawValue + (argument.isEmpty ? "" : ":" + argument)
      + (pieces.isEmpty ? "" : "?" + pieces.joined(separator: "&"))
  }

  /// Its method and argument: what tells it from most others, and holds no secrets.
  var label: String {
    var rest = options
    let argument = method.syntax.argument.text(taking: &rest)
    if argument.isEmpty, let image = options["image"]?.last { return "\(method.rawValue):?image=\(image)" }
    return method.rawValue + (argument.isEmpty ? "" : ":" + argument)
  }
}

extension TargetHop: CustomStringConvertible, CustomReflectable {
  /// As it could be typed, its secrets masked; slashes stand for themselves.
  var description: String {
    text { option, value in
      guard !option.isSecret else { return MaskedSpec.mask }
      return value.split(separator: "/", omittingEmptySubsequences: false).map { PercentText.encode(String($0)) }
        .joined(separator: "/")
    }
  }
  /// Without the options, for there may be secrets among them.
  var customMirror: Mirror { Mirror(self, children: ["text": description]) }
}
