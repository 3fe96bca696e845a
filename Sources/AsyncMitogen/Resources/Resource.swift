/// What a resource is called: a name in a package, as in Mitogen, where the package is one of Python's.
struct ResourceName: Sendable, Hashable, Comparable {
  /// How long each of the two may be, in bytes.
  static let limit = 1_024

  let package: String
  let name: String

  /// Whether it can be asked for at all.
  var isPossible: Bool {
    !name.isEmpty && name.utf8.count <= ResourceName.limit && package.utf8.count <= ResourceName.limit
  }

  /// What every root has: which build of its program it runs, as text.
  static let build = ResourceName(package: "async_mitogen", name: "build")

  /// The payload of a GET_RESOURCE message.
  func payload() throws -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    try writer.string(package)
    try writer.string(name)
    writer.tuple2()
    writer.end()
    return writer.bytes
  }

  static func < (left: ResourceName, right: ResourceName) -> Bool {
    (left.package, left.name) < (right.package, right.name)
  }
}

extension ResourceName {
  /// Reads what GET_RESOURCE brings, or the first half of what LOAD_RESOURCE does.
  ///
  /// - Throws: ``StreamError`` if it is something else.
  init(_ node: Unpickled.Node) throws {
    guard node.isSequence, node.count == 2, let package = node.element(0).text, let name = node.element(1).text else {
      throw StreamError("invalid message: a resource is the name of a package and that of a file")
    }
    self.init(package: package, name: name)
    guard isPossible else { throw StreamError("invalid message: the name of a resource is empty or too long") }
  }
}

/// A resource as it is passed down a tree.
struct Resource: Sendable, Hashable {
  var name: ResourceName
  /// Nil if there is no such resource.
  var content: [UInt8]?

  /// The payload of a LOAD_RESOURCE message: two pickles.
  func payload() throws -> [UInt8] {
    var writer = PickleWriter()
    writer.begin()
    if let content { try writer.byteString(content) } else { writer.none() }
    writer.end()
    return try name.payload() + writer.bytes
  }
}

extension Resource {
  /// Reads the payload of a LOAD_RESOURCE message.
  ///
  /// - Throws: ``StreamError`` if it is none.
  init(payload: [UInt8]) throws {
    let streams = try Unpickled.streams(payload)
    guard streams.count == 2, streams[1].isNone || streams[1].bytes != nil else {
      throw StreamError("invalid message: a resource is a name and a content")
    }
    self.init(name: try ResourceName(streams[0]), content: streams[1].bytes)
  }
}
