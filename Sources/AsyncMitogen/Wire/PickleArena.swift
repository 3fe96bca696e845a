/// The values of a payload, as they lie in it: text and bytes are ranges of the input until somebody asks for them.
///
/// A value is an index, so that a list can be referred to before it is filled, as Python's memo does. Filled by
/// ``PickleParser``, and not changed from then on.
final class PickleArena: Sendable {
  enum Kind: UInt8, Sendable {
    case none, `false`, `true`, integer, bigInteger, float
    /// Text and bytes: `first` is where they begin, `second` how many bytes they take.
    case string, bytes
    /// Bytes that are written as text of as many characters.
    case latin1
    /// `first` is where the members begin in `members`, `second` how many there are, `third` how many have room.
    case list, tuple, dictionary
    /// Made of another value, `first`.
    case blob, secret, keywords, callError
    /// `first` is the context, `second` the name's or the handle's value.
    case context, sender
    /// The name of a class, `first` its number: never a value of a finished message.
    case global
  }

  /// 16 bytes for each value.
  struct Value: Sendable {
    var kind: Kind
    var depth: UInt16 = 0
    var first: UInt32 = 0
    var second: UInt32 = 0
    var third: UInt32 = 0
  }

  let input: [UInt8]
  let values: [Value]
  let members: [UInt32]
  /// One value for each stream of the payload.
  let roots: [UInt32]

  init(input: [UInt8], values: [Value], members: [UInt32], roots: [UInt32]) {
    self.input = input
    self.values = values
    self.members = members
    self.roots = roots
  }
}

/// A pickle that has been read.
struct Unpickled: Sendable {
  private let arena: PickleArena

  /// Reads the first stream of a payload; others may be behind it, as Python's readers have it.
  ///
  /// - Throws: ``StreamError`` with Mitogen's texts.
  init(_ payload: [UInt8], globals: PickleGlobals = .mitogen) throws(StreamError) {
    var parser = PickleParser(payload, globals: globals)
    arena = try parser.parse(allStreams: false)
  }

  /// The value.
  var root: Node { Node(arena: arena, index: arena.roots[0]) }

  /// The values of all streams of a payload, one behind the other, which share one memo.
  static func streams(_ payload: [UInt8], globals: PickleGlobals = .mitogen) throws(StreamError) -> [Node] {
    var parser = PickleParser(payload, globals: globals)
    let arena = try parser.parse(allStreams: true)
    return arena.roots.map { Node(arena: arena, index: $0) }
  }

  /// One value of a payload.
  struct Node: Sendable {
    let arena: PickleArena
    let index: UInt32

    private var entry: PickleArena.Value { arena.values[Int(index)] }

    var kind: PickleArena.Kind { entry.kind }
    var isNone: Bool { kind == .none }
    /// Whether it is a list or a tuple.
    var isSequence: Bool { kind == .list || kind == .tuple }
    /// Whether it is a dictionary, or one of keywords.
    var isDictionary: Bool { kind == .dictionary || kind == .keywords }

    private func node(_ index: UInt32) -> Node { Node(arena: arena, index: index) }

    private var dictionary: Node { kind == .keywords ? node(entry.first) : self }

    /// How many elements a list or tuple has, or entries a dictionary.
    var count: Int {
      switch kind {
      case .list, .tuple: Int(entry.second)
      case .dictionary: Int(entry.second) / 2
      case .keywords: dictionary.count
      default: 0
      }
    }

    /// An element of a list or tuple that has it.
    func element(_ position: Int) -> Node { node(arena.members[Int(entry.first) + position]) }

    /// An entry of a dictionary that has it.
    func dictionaryEntry(_ position: Int) -> (key: Node, value: Node) {
      let dictionary = dictionary
      return (dictionary.element(2 * position), dictionary.element(2 * position + 1))
    }

    /// What a dictionary holds for a key that is text.
    subscript(_ key: String) -> Node? {
      guard isDictionary else { return nil }
      for position in stride(from: count - 1, through: 0, by: -1) {
        let (found, value) = dictionaryEntry(position)
        if found.matches(key) { return value }
      }
      return nil
    }

    /// Whether it is this text, or these bytes, as Python 2 writes text.
    func matches(_ text: String) -> Bool {
      guard kind == .string || kind == .bytes, Int(entry.second) == text.utf8.count else { return false }
      return range.elementsEqual(text.utf8)
    }

    private var range: ArraySlice<UInt8> {
      let start = Int(entry.first)
      return arena.input[start..<start + Int(entry.second)]
    }

    /// Text; bytes too if they are UTF-8, as Python 2 writes text. Nil for others.
    var text: String? {
      switch kind {
      case .string: unsafe range.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
      case .bytes: String(validating: range, as: UTF8.self)
      case .secret: node(entry.first).text
      default: nil
      }
    }

    /// Bytes; nil for others.
    var bytes: [UInt8]? {
      switch kind {
      case .bytes: Array(range)
      case .latin1: latin1
      case .blob: node(entry.first).bytes
      default: nil
      }
    }

    /// Text whose characters are bytes.
    private var latin1: [UInt8] {
      String(decoding: range, as: UTF8.self).unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    /// An integer of 64 bits; nil for others.
    var integer: Int? {
      guard kind == .integer else { return nil }
      return Int(bitPattern: UInt(entry.first) | UInt(entry.second) << 32)
    }

    var boolean: Bool? { kind == .true ? true : kind == .false ? false : nil }

    var double: Double? {
      guard kind == .float else { return nil }
      return Double(bitPattern: UInt64(entry.first) | UInt64(entry.second) << 32)
    }

    /// An integer of any width; nil if it is none, or does not fit.
    func integer<Value: FixedWidthInteger>(as type: Value.Type) -> Value? {
      if let integer { return Value(exactly: integer) }
      guard kind == .bigInteger else { return nil }
      let octets = range
      guard let last = octets.last, octets.count * 8 <= Value.bitWidth + 8 else { return nil }
      let isNegative = last >= 0x80
      guard Value.isSigned || !isNegative else { return nil }
      var value: Value = isNegative ? (0 as Value) &- 1 : 0
      for octet in octets.reversed() {
        let shifted = value &<< 8
        // What is shifted out must be nothing but the sign.
        guard shifted >> 8 == value else { return nil }
        value = shifted | Value(truncatingIfNeeded: octet)
        if Value.isSigned, value < 0 ? !isNegative : isNegative { return nil }
      }
      return value
    }

    /// Everything, as a value.
    var value: PickledValue {
      switch kind {
      case .none: return .none
      case .false: return .bool(false)
      case .true: return .bool(true)
      case .integer: return .integer(integer ?? 0)
      case .bigInteger: return .bigInteger(Array(range))
      case .float: return .float(double ?? 0)
      case .string: return .string(text ?? "")
      case .bytes, .latin1: return .bytes(bytes ?? [])
      case .list: return .list((0..<count).map { element($0).value })
      case .tuple: return .tuple((0..<count).map { element($0).value })
      case .dictionary: return .dictionary(entries)
      case .keywords: return .keywords(node(entry.first).entries.map(\.withTextKey))
      case .blob: return .blob(bytes ?? [])
      case .secret: return .secret(text ?? "")
      case .callError: return .callError(node(entry.first).text ?? "")
      case .context: return .context(id: contextID, name: node(entry.second).text)
      case .sender:
        return .sender(context: contextID, handle: Handle(rawValue: UInt32(node(entry.second).integer ?? 0)))
      case .global: return .none
      }
    }

    private var entries: [PickledValue.Entry] {
      (0..<count).map { position in
        let (key, value) = dictionaryEntry(position)
        return PickledValue.Entry(key.value, value.value)
      }
    }

    private var contextID: ContextID { ContextID(rawValue: UInt32(node(entry.first).integer ?? 0)) }

    /// What Python calls the type.
    var typeName: String {
      switch kind {
      case .none: "None"
      case .true, .false: "bool"
      case .integer, .bigInteger: "int"
      case .float: "float"
      case .string: "str"
      case .bytes, .latin1: "bytes"
      case .list: "list"
      case .tuple: "tuple"
      case .dictionary: "dict"
      default: value.typeName
      }
    }
  }
}

extension PickledValue.Entry {
  /// Python 2 has keywords whose names are bytes.
  fileprivate var withTextKey: PickledValue.Entry {
    guard case .bytes(let bytes) = key, let text = String(validating: bytes, as: UTF8.self) else { return self }
    return PickledValue.Entry(.string(text), value)
  }
}
