/// A Python module, as it travels to a context that imports it.
struct PythonModule: Sendable, Equatable {
  /// Its whole name.
  var name: String
  /// What there is of it; nil if it cannot be had.
  var content: Content?

  struct Content: Sendable, Equatable {
    /// The names in a package; nil if it is none.
    var submodules: [String]?
    /// Where it was found.
    var path: String
    /// The source, compressed by zlib.
    var compressed: [UInt8]
    /// The modules that it imports, and those that they import: worth to be sent before anybody asks for them.
    var related: [String]
  }

  /// About how much memory it takes.
  var cost: Int {
    128 + name.utf8.count
      + (content.map { content in
        content.compressed.count + content.path.utf8.count
          + (content.related + (content.submodules ?? [])).reduce(0) { $0 + 16 + $1.utf8.count }
      } ?? 0)
  }

  /// The payload of a LOAD_MODULE message.
  ///
  /// - Throws: `EncodingError` if a part is too long.
  func payload() throws -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    try writer.string(name)
    if let content {
      if let submodules = content.submodules { try writer.encode(submodules) } else { writer.none() }
      try writer.string(content.path)
      try writer.blob(content.compressed)
      try writer.encode(content.related)
    } else {
      for _ in 0..<3 { writer.none() }
      writer.emptyTuple()
    }
    writer.tuple()
    writer.end()
    return writer.bytes
  }

  init(name: String, content: Content? = nil) {
    self.name = name
    self.content = content
  }

  /// Reads the payload of a LOAD_MODULE message.
  ///
  /// - Throws: ``StreamError`` if it is none.
  init(payload: [UInt8]) throws {
    let root = try Unpickled(payload).root
    guard root.isSequence, root.count == 5, let name = root.element(0).text else {
      throw StreamError("invalid message: a module is a tuple of five")
    }
    guard !root.element(2).isNone else {
      self.init(name: name)
      return
    }
    let submodules = root.element(1)
    guard let path = root.element(2).text, let compressed = root.element(3).blob,
      let related = root.element(4).texts, submodules.isNone || submodules.texts != nil
    else { throw StreamError("invalid message: a module has a path and a content") }
    self.init(
      name: name,
      content: Content(
        submodules: submodules.texts, path: path, compressed: compressed, related: related))
  }
}

extension Unpickled.Node {
  /// Bytes, in whatever form.
  fileprivate var blob: [UInt8]? {
    switch value {
    case .blob(let bytes), .bytes(let bytes): bytes
    default: nil
    }
  }
}
