/// Reads pickles of all protocols, as data: a fixed list of opcodes and classes, and nothing is ever run.
///
/// Each byte of input makes at most one value of 16 bytes and a few references of 4, whatever it says of lengths; depth
/// and references to what has been read are bounded (``PickleLimits``), and cycles refused.
struct PickleParser {
  private let input: [UInt8]
  private let globals: PickleGlobals
  private var position = 0
  private var values: [PickleArena.Value] = []
  private var members: [UInt32] = []
  private var stack: [UInt32] = []
  private var marks: [Int] = []
  private var memo: [UInt32] = []
  private var sparseMemo: [UInt32: UInt32] = [:]
  /// Whether a container or a long text is referred to from more than one place: there may be a cycle or an explosion.
  private var sharesContainers = false

  init(_ input: [UInt8], globals: PickleGlobals) {
    self.input = input
    self.globals = globals
    let guess = min(64, input.count / 4 + 4)
    values.reserveCapacity(guess)
    stack.reserveCapacity(16)
    members.reserveCapacity(16)
  }

  mutating func parse(allStreams: Bool) throws(StreamError) -> PickleArena {
    guard input.count < Int(UInt32.max) else { throw invalid("more than 4 GiB") }
    var roots: [UInt32] = []
    repeat {
      roots.append(try parseStream())
    } while allStreams && position < input.count
    let arena = PickleArena(input: input, values: values, members: members, roots: roots)
    if sharesContainers { try PickleSharing(arena).check() }
    return arena
  }

  private func invalid(_ text: String) -> StreamError { StreamError("invalid message: \(text)") }

  // MARK: reading

  private mutating func octet() throws(StreamError) -> UInt8 {
    guard position < input.count else { throw invalid("it ends too early") }
    defer { position += 1 }
    return input[position]
  }

  private mutating func littleEndian(_ count: Int) throws(StreamError) -> Int {
    guard input.count - position >= count else { throw invalid("it ends too early") }
    var value = 0
    for shift in 0..<count { value |= Int(input[position + shift]) << (8 * shift) }
    position += count
    return value
  }

  /// A range of the input of this many bytes.
  private mutating func take(_ count: Int) throws(StreamError) -> (start: UInt32, count: UInt32) {
    guard count >= 0, input.count - position >= count else { throw invalid("it ends too early") }
    defer { position += count }
    return (UInt32(position), UInt32(count))
  }

  private mutating func line() throws(StreamError) -> (start: Int, end: Int) {
    let start = position
    while position < input.count, input[position] != 0x0a { position += 1 }
    guard position < input.count else { throw invalid("a line without end") }
    position += 1
    return (start, position - 1)
  }

  private mutating func lineText() throws(StreamError) -> String {
    let (start, end) = try line()
    guard end - start <= 4_096 else { throw invalid("a line of \(end - start) bytes") }
    return String(decoding: input[start..<end], as: UTF8.self)
  }

  // MARK: making values

  private mutating func push(_ value: PickleArena.Value) {
    stack.append(UInt32(values.count))
    values.append(value)
  }

  private mutating func push(_ kind: PickleArena.Kind) { push(PickleArena.Value(kind: kind)) }

  private mutating func push(_ kind: PickleArena.Kind, _ range: (start: UInt32, count: UInt32)) {
    push(PickleArena.Value(kind: kind, first: range.start, second: range.count))
  }

  private mutating func push(integer: Int) {
    let bits = UInt(bitPattern: integer)
    push(
      PickleArena.Value(
        kind: .integer, first: UInt32(truncatingIfNeeded: bits), second: UInt32(truncatingIfNeeded: bits >> 32)))
  }

  private mutating func push(float: Double) {
    let bits = float.bitPattern
    push(
      PickleArena.Value(
        kind: .float, first: UInt32(truncatingIfNeeded: bits), second: UInt32(truncatingIfNeeded: bits >> 32)))
  }

  private mutating func pop() throws(StreamError) -> UInt32 {
    guard stack.count > (marks.last ?? 0), let top = stack.popLast() else { throw invalid("nothing is left") }
    return top
  }

  private mutating func popMark() throws(StreamError) -> Int {
    guard let mark = marks.popLast(), mark <= stack.count else { throw invalid("no mark") }
    return mark
  }

  /// Makes a container of what is on the stack from `start` on.
  private mutating func pushContainer(_ kind: PickleArena.Kind, from start: Int) throws(StreamError) {
    let count = stack.count - start
    var value = PickleArena.Value(
      kind: kind, first: UInt32(members.count), second: UInt32(count), third: UInt32(count))
    for offset in start..<stack.count {
      guard values[Int(stack[offset])].kind != .global else { throw invalid("a class is no value") }
      value.depth = max(value.depth, values[Int(stack[offset])].depth + 1)
      members.append(stack[offset])
    }
    guard value.depth <= PickleLimits.depth else { throw invalid("nested deeper than \(PickleLimits.depth)") }
    stack.removeLast(count)
    push(value)
  }

  /// Adds what is on the stack from `start` on to the container below it.
  private mutating func addToContainer(_ kind: PickleArena.Kind, from start: Int) throws(StreamError) {
    let count = stack.count - start
    guard start > (marks.last ?? 0), count >= 0 else { throw invalid("nothing to add to") }
    let container = Int(stack[start - 1])
    var value = values[container]
    guard value.kind == kind else { throw invalid("a value is added to what is not its container") }
    let needed = value.second + UInt32(count)
    if needed > value.third {
      if value.first + value.third == UInt32(members.count) {
        // The last one grows where it is.
        members.append(contentsOf: repeatElement(0, count: Int(needed - value.third)))
        value.third = needed
      } else {
        let moved = UInt32(members.count)
        // Twice as much room: each member moves a bounded number of times.
        let room = max(needed, value.third &* 2)
        for offset in 0..<value.second { members.append(members[Int(value.first + offset)]) }
        members.append(contentsOf: repeatElement(0, count: Int(room - value.second)))
        value.first = moved
        value.third = room
      }
    }
    for offset in 0..<count {
      let member = stack[start + offset]
      guard values[Int(member)].kind != .global else { throw invalid("a class is no value") }
      value.depth = max(value.depth, values[Int(member)].depth + 1)
      members[Int(value.second) + Int(value.first) + offset] = member
    }
    guard value.depth <= PickleLimits.depth else { throw invalid("nested deeper than \(PickleLimits.depth)") }
    value.second = needed
    values[container] = value
    stack.removeLast(count)
  }

  // MARK: the memo

  private mutating func remember(_ slot: Int) throws(StreamError) {
    guard let top = stack.last, stack.count > (marks.last ?? 0), slot >= 0, slot <= Int(UInt32.max) else {
      throw invalid("nothing to remember")
    }
    if slot < memo.count {
      memo[slot] = top
    } else if slot == memo.count {
      memo.append(top)
    } else {
      // Numbers may be left out, as Python 2 does: a table of all of them would be as large as a sender likes.
      sparseMemo[UInt32(slot)] = top
    }
  }

  private mutating func recall(_ slot: Int) throws(StreamError) {
    var found: UInt32?
    if slot >= 0, slot <= Int(UInt32.max) {
      found = sparseMemo[UInt32(slot)] ?? (slot < memo.count ? memo[slot] : nil)
    }
    guard let found else { throw invalid("a reference to nothing") }
    let value = values[Int(found)]
    switch value.kind {
    // Each reference to text or bytes may become a copy.
    case .string, .bytes, .latin1, .bigInteger: if value.second > 64 { sharesContainers = true }
    case .list, .tuple, .dictionary, .keywords, .context, .sender, .blob, .secret, .callError: sharesContainers = true
    default: break
    }
    stack.append(found)
  }

  // MARK: opcodes

  private mutating func parseStream() throws(StreamError) -> UInt32 {
    stack.removeAll(keepingCapacity: true)
    marks.removeAll(keepingCapacity: true)
    while true {
      let opcode = try octet()
      switch opcode {
      case 0x80:  // PROTO
        guard try octet() <= 5 else { throw invalid("an unknown protocol") }
      case 0x95: _ = try take(8)  // FRAME
      case 0x2e:  // STOP
        let root = try pop()
        guard values[Int(root)].kind != .global else { throw invalid("a class is no value") }
        return root
      case 0x28: marks.append(stack.count)  // MARK
      case 0x30:  // POP
        if let mark = marks.last, mark == stack.count { marks.removeLast() } else { _ = try pop() }
      case 0x31: stack.removeLast(stack.count - (try popMark()))  // POP_MARK
      case 0x32:  // DUP
        guard let top = stack.last, stack.count > (marks.last ?? 0) else { throw invalid("nothing is left") }
        sharesContainers = true
        stack.append(top)
      case 0x4e: push(.none)
      case 0x88: push(.true)
      case 0x89: push(.false)
      case 0x4b: push(integer: Int(try octet()))  // BININT1
      case 0x4d: push(integer: try littleEndian(2))  // BININT2
      case 0x4a: push(integer: Int(Int32(truncatingIfNeeded: try littleEndian(4))))  // BININT
      case 0x8a: try pushLong(Int(try octet()))  // LONG1
      case 0x8b: try pushLong(try littleEndian(4))  // LONG4
      case 0x49, 0x4c: try pushTextInteger()  // INT, LONG
      case 0x47:  // BINFLOAT
        let range = try take(8)
        var bits: UInt64 = 0
        for offset in 0..<8 { bits = bits << 8 | UInt64(input[Int(range.start) + offset]) }
        push(float: Double(bitPattern: bits))
      case 0x46:  // FLOAT
        guard let value = Double(try lineText()) else { throw invalid("no number") }
        push(float: value)
      case 0x58: push(.string, try take(try littleEndian(4)))  // BINUNICODE
      case 0x8c: push(.string, try take(Int(try octet())))  // SHORT_BINUNICODE
      case 0x8d: push(.string, try take(try littleEndian(8)))  // BINUNICODE8
      case 0x55, 0x43: push(.bytes, try take(Int(try octet())))  // SHORT_BINSTRING, SHORT_BINBYTES
      case 0x54, 0x42: push(.bytes, try take(try littleEndian(4)))  // BINSTRING, BINBYTES
      case 0x8e: push(.bytes, try take(try littleEndian(8)))  // BINBYTES8
      case 0x5d: push(.list)
      case 0x29: push(.tuple)
      case 0x7d: push(.dictionary)
      case 0x61: try addToContainer(.list, from: stack.count - 1)  // APPEND
      case 0x65:  // APPENDS
        let mark = try popMark()
        try addToContainer(.list, from: mark)
      case 0x6c: try pushContainer(.list, from: try popMark())  // LIST
      case 0x74: try pushContainer(.tuple, from: try popMark())  // TUPLE
      case 0x85, 0x86, 0x87:  // TUPLE1, 2, 3
        let start = stack.count - Int(opcode - 0x84)
        guard start >= (marks.last ?? 0) else { throw invalid("nothing is left") }
        try pushContainer(.tuple, from: start)
      case 0x64:  // DICT
        let mark = try popMark()
        guard (stack.count - mark) % 2 == 0 else { throw invalid("a key without a value") }
        try pushContainer(.dictionary, from: mark)
      case 0x73: try addToContainer(.dictionary, from: stack.count - 2)  // SETITEM
      case 0x75:  // SETITEMS
        let mark = try popMark()
        guard (stack.count - mark) % 2 == 0 else { throw invalid("a key without a value") }
        try addToContainer(.dictionary, from: mark)
      case 0x71: try remember(Int(try octet()))  // BINPUT
      case 0x72: try remember(try littleEndian(4))  // LONG_BINPUT
      case 0x70: try remember(Int(try lineText()) ?? -1)  // PUT
      case 0x94: try remember(memo.count)  // MEMOIZE
      case 0x68: try recall(Int(try octet()))  // BINGET
      case 0x6a: try recall(try littleEndian(4))  // LONG_BINGET
      case 0x67: try recall(Int(try lineText()) ?? -1)  // GET
      case 0x63: try pushGlobal(try lineText(), try lineText())  // GLOBAL
      case 0x93:  // STACK_GLOBAL
        let (name, module) = (text(try pop()), text(try pop()))
        guard let name, let module else { throw invalid("a class without a name") }
        try pushGlobal(module, name)
      case 0x52: try reduce()  // REDUCE
      default: throw invalid("opcode \(opcode) is not for data")
      }
    }
  }

  private mutating func pushLong(_ count: Int) throws(StreamError) {
    let range = try take(count)
    guard count <= 8 else {
      // Superfluous bytes of the sign are left out, so that there is one form of each number.
      var used = count
      let octets = Int(range.start)
      while used > 1 {
        let (last, next) = (input[octets + used - 1], input[octets + used - 2])
        guard last == 0 && next < 0x80 || last == 0xff && next >= 0x80 else { break }
        used -= 1
      }
      if used > 8 { return push(.bigInteger, (range.start, UInt32(used))) }
      return push(integer: signed(octets, used))
    }
    push(integer: signed(Int(range.start), count))
  }

  private func signed(_ start: Int, _ count: Int) -> Int {
    guard count > 0 else { return 0 }
    var value = input[start + count - 1] >= 0x80 ? -1 : 0
    for offset in stride(from: count - 1, through: 0, by: -1) { value = value << 8 | Int(input[start + offset]) }
    return value
  }

  private mutating func pushTextInteger() throws(StreamError) {
    var digits = try lineText()
    // Protocol 0 writes truth values as numbers of two digits.
    if digits == "00" { return push(.false) }
    if digits == "01" { return push(.true) }
    if digits.hasSuffix("L") { digits.removeLast() }
    guard let value = Int(digits) else { throw invalid("no integer, or one beyond 64 bits as text") }
    push(integer: value)
  }

  private mutating func pushGlobal(_ module: String, _ name: String) throws(StreamError) {
    let known = try globals.resolve(module, name)
    push(PickleArena.Value(kind: .global, first: known.rawValue))
  }

  private func text(_ index: UInt32) -> String? {
    let value = values[Int(index)]
    guard value.kind == .string || value.kind == .bytes else { return nil }
    return String(decoding: input[Int(value.first)..<Int(value.first) + Int(value.second)], as: UTF8.self)
  }

  /// Makes one of the known classes of its arguments.
  private mutating func reduce() throws(StreamError) {
    let (arguments, callable) = (values[Int(try pop())], values[Int(try pop())])
    guard callable.kind == .global, let known = PickleGlobals.Known(rawValue: callable.first), arguments.kind == .tuple
    else { throw invalid("a call of what is no class") }
    let indexes = Array(members[Int(arguments.first)..<Int(arguments.first + arguments.second)])
    let kinds = indexes.map { values[Int($0)].kind }
    var made = PickleArena.Value(kind: .none, depth: arguments.depth)
    switch (known, kinds.count) {
    case (.callError, 1) where kinds[0] == .string:
      let length = text(indexes[0])?.unicodeScalars.count ?? 0
      guard length <= PickleWriter.callErrorLimit else {
        throw invalid("Required length 0..\(PickleWriter.callErrorLimit), got \(length)")
      }
      made.kind = .callError
    case (.secret, 1) where kinds[0] == .string: made.kind = .secret
    case (.blob, 1) where kinds[0] == .bytes || kinds[0] == .latin1: made.kind = .blob
    case (.keywords, 1) where kinds[0] == .dictionary: made.kind = .keywords
    case (.encode, 2) where kinds[0] == .string:
      let value = values[Int(indexes[0])]
      made = PickleArena.Value(kind: .latin1, first: value.first, second: value.second)
      return push(made)
    case (.bytes, 0): return push(.bytes, (0, 0))
    case (.bytes, 1) where kinds[0] == .bytes || kinds[0] == .latin1: return stack.append(indexes[0])
    case (.context, 2), (.sender, 2):
      made.kind = known == .context ? .context : .sender
      try check(identifier: indexes[0], from: 0)
      if known == .sender { try check(identifier: indexes[1], from: 1) } else { try check(name: indexes[1]) }
      made.second = indexes[1]
    default: throw invalid("\(known) of \(kinds.count) arguments that do not fit")
    }
    made.first = indexes[0]
    push(made)
  }

  private func check(identifier index: UInt32, from lowest: Int) throws(StreamError) {
    let value = values[Int(index)]
    // 32 bits: nothing in the upper half.
    guard value.kind == .integer, value.second == 0, Int(value.first) >= lowest else {
      throw invalid("an identifier out of range")
    }
  }

  private func check(name index: UInt32) throws(StreamError) {
    guard values[Int(index)].kind != .none else { return }
    guard values[Int(index)].kind == .string, (text(index)?.unicodeScalars.count ?? 0) <= 500 else {
      throw invalid("a name that is none, or longer than 500")
    }
  }
}
