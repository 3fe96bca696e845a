/// A function that a Python context can import: `"os.getpid"`, `"package.module:Class.method"`.
///
/// What it is called with must be known to Mitogen: nothing, truth values, numbers, text, bytes, lists, dictionaries, and
/// ``Context``, ``Sender``, ``Blob`` and ``Secret``; any `Encodable` type becomes such.
public struct PythonFunction: Sendable, Equatable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The module, with its packages.
  public var module: String
  /// The class of a class method; nil for a function of a module.
  public var className: String?
  /// Its name.
  public var name: String

  /// Names a function of a module, or a class method.
  public init(_ module: String, _ name: String, className: String? = nil) {
    self.module = module
    self.className = className
    self.name = name
  }

  /// Reads `module.function`, `module:function` or `module:Class.method`.
  public init(stringLiteral text: String) { self.init(text) }

  /// Reads `module.function`, `module:function` or `module:Class.method`.
  public init(_ text: String) {
    let isSplit = text.utf8.contains(UInt8(ascii: ":"))
    let module = isSplit ? text.prefix { $0 != ":" } : text.prefix(upTo: text.lastIndex(of: ".") ?? text.startIndex)
    let rest = text.dropFirst(module.count + (isSplit || !module.isEmpty ? 1 : 0))
    let className = isSplit ? rest.prefix(upTo: rest.lastIndex(of: ".") ?? rest.startIndex) : ""
    self.init(
      String(module), String(rest.dropFirst(className.isEmpty ? 0 : className.count + 1)),
      className: className.isEmpty ? nil : String(className))
  }

  /// As the text that it is read from.
  public var description: String { className.map { "\(module):\($0).\(name)" } ?? "\(module).\(name)" }
}

/// What a Python function is called with by name.
public typealias PythonKeywords = KeyValuePairs<String, any Encodable & Sendable>

extension CallRequest {
  /// A call of a Python function.
  static func python<each Argument: Encodable>(
    _ function: PythonFunction, chain: String?, _ keywords: PythonKeywords, _ arguments: repeat each Argument
  ) throws -> [UInt8] {
    var writer = try begin(chain, module: function.module, className: function.className, function: function.name)
    writer.mark()
    for argument in repeat each arguments { try writer.encode(argument) }
    writer.tuple()
    // Mitogen's own class serves callers in Python 2; it takes time to make, and none is better than an empty one.
    if keywords.isEmpty { writer.emptyDictionary() } else { try writer.keywords { try $0.dictionary(keywords) } }
    return end(writer)
  }
}

extension PickleWriter {
  fileprivate mutating func dictionary(_ keywords: PythonKeywords) throws {
    emptyDictionary()
    for (name, value) in keywords {
      try string(name)
      try encode(value)
      setItem()
    }
  }
}
