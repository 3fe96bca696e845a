/// What a parent that takes this program for a Python interpreter sends it: the source of `mitogen.core`, compressed, and
/// behind it the line that would start it with its configuration. None of it is executed. Pure.
struct PythonOrigin: Sendable, Equatable {
  /// What a parent sent is no preamble.
  struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String
  }

  /// How long a preamble may be, as sent and as it is: Mitogen's is 74 KB.
  static let sizeLimit = 16 << 20

  /// The source, which Python contexts below this one are made of.
  let core: [UInt8]
  /// What the last line says.
  let entries: PickledValue

  private static let call = Array("ExternalContext(".utf8)
  private static let start = Array(").main()".utf8)

  /// Reads a preamble: what is behind its compressed part is as it is.
  init(preamble: [UInt8]) throws(Failure) {
    var text: [UInt8]
    do {
      let (content, end) = try Inflater.zlib(preamble, limit: PythonOrigin.sizeLimit)
      text = content + preamble[end...]
    } catch {
      throw Failure(description: "the preamble cannot be inflated: \(error)")
    }
    while let last = text.last, last == 0x0a || last == 0x0d { text.removeLast() }
    let lineStart = text.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
    let line = text[lineStart...]
    guard line.starts(with: PythonOrigin.call), line.count > PythonOrigin.call.count + PythonOrigin.start.count,
      line.suffix(PythonOrigin.start.count).elementsEqual(PythonOrigin.start)
    else { throw Failure(description: "the preamble does not end with Mitogen's call") }
    do {
      entries = try PythonLiteral.parse(
        Array(line.dropFirst(PythonOrigin.call.count).dropLast(PythonOrigin.start.count)))
    } catch {
      throw Failure(description: "the preamble's configuration cannot be read: \(error)")
    }
    core = Array(text[..<max(0, lineStart - 1)])
  }

  /// What Python contexts below this one have to be told.
  var python: PythonDescription {
    get throws(Failure) {
      PythonDescription(
        version: try list("version") { $0.integer } ?? [], blocks: try list("import_blocks") { $0.text } ?? [],
        overrides: try list("import_overrides") { $0.text } ?? [])
    }
  }

  /// The configuration of a context of ours; what Mitogen's says nothing of is as the defaults have it.
  var configuration: ChildConfiguration {
    get throws(Failure) {
      guard let id = entries["context_id"]?.integer, let number = UInt32(exactly: id), number > 0 else {
        throw Failure(description: "the preamble's configuration has no context_id")
      }
      let parents = try list("parent_ids") { $0.integer.flatMap { UInt32(exactly: $0) } } ?? []
      guard !parents.isEmpty, !parents.contains(number), Set(parents).count == parents.count else {
        throw Failure(description: "the preamble's configuration has no parent_ids")
      }
      let defaults = RouterConfiguration(maxMessageSize: try integer("max_message_size") ?? 128 << 20)
      var configuration = ChildConfiguration(
        contextID: ContextID(rawValue: number), parentIDs: parents.map(ContextID.init(rawValue:)),
        debug: try flag("debug"), logLevels: try list("log_levels") { $0.integer } ?? LogLevels(.warning).rawValues,
        profiling: try flag("profiling"), unidirectional: try flag("unidirectional"),
        maximumMessageSize: defaults.maxMessageSize, poolSize: defaults.poolSize,
        maximumConcurrentCalls: defaults.maxConcurrentCalls, maximumQueuedCalls: defaults.maxQueuedCalls,
        maximumConcurrentConnections: defaults.maxConcurrentConnections,
        maximumConcurrentForks: defaults.maxConcurrentForks, cache: defaults.cache, keepAlive: nil,
        keepAliveInterval: defaults.keepAliveInterval)
      if configuration.debug { configuration.logLevels = LogLevels(.debug).rawValues }
      configuration.python = try python
      return configuration
    }
  }

  // MARK: entries

  private func flag(_ name: String) throws(Failure) -> Bool {
    switch entries[name] {
    case nil, .some(.none): false
    case .bool(let value): value
    default: throw wrong(name)
    }
  }

  private func integer(_ name: String) throws(Failure) -> Int? {
    guard let value = entries[name], value != .none else { return nil }
    guard let integer = value.integer, integer > 0 else { throw wrong(name) }
    return integer
  }

  private func list<Element>(_ name: String, _ read: (PickledValue) -> Element?) throws(Failure) -> [Element]? {
    switch entries[name] {
    case nil, .some(.none): return nil
    case .list(let values), .tuple(let values):
      let elements = values.compactMap(read)
      guard elements.count == values.count else { throw wrong(name) }
      return elements
    default: throw wrong(name)
    }
  }

  private func wrong(_ name: String) -> Failure {
    Failure(description: "the preamble's configuration has a wrong \(name)")
  }
}

extension PickledValue {
  fileprivate var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  fileprivate var text: String? { if case .string(let value) = self { value } else { nil } }
}
