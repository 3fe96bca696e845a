import Testing

@testable import AsyncMitogen

/// Values of every kind, to Python and back.
@Suite(
  .enabled(if: Python.path != nil, "needs a Python with mitogen, as ASYNC_MITOGEN_PYTHON or MITOGEN_PYTHON"),
  .timeLimit(.minutes(2)))
struct PythonValueTests {
  /// A module that makes values at random.
  static let generator = """
    import struct
    from mitogen.core import Blob, Secret
    def value(source, depth):
        kind = source.randrange(11 if depth < 4 else 8)
        if kind == 0: return source.choice([None, True, False])
        if kind == 1: return source.choice([-1, 1]) * source.getrandbits(source.choice([1, 8, 16, 31, 33, 63, 64, 300]))
        if kind == 2: return struct.unpack('>d', struct.pack('>Q', source.getrandbits(62)))[0]
        if kind == 3: return ''.join(chr(source.choice([0, 65, 0xe4, 0x20ac, 0x1f600])) for _ in range(source.randrange(300)))
        if kind == 4: return bytes(source.getrandbits(8) for _ in range(source.randrange(300)))
        if kind == 5: return Blob(b'\\xff' * source.randrange(5))
        if kind == 6: return Secret('s' * source.randrange(5))
        if kind == 7: return source.choice([0, 255, 256, 65535, 65536, 2**31-1, -2**31, 2**31, 2**63-1, -2**63, 2**63])
        parts = [value(source, depth + 1) for _ in range(source.randrange(5))]
        if kind == 8: return parts
        if kind == 9: return tuple(parts)
        return {str(number): part for number, part in enumerate(parts)}
    """

  @Test func `10,000 values from Swift to Python and back, bit for bit`() async throws {
    let seed = UInt64.random(in: 0..<1_000_000)
    try await Python.withChild(["echo.py": "def same(values):\n    return values\n"]) { router, child in
      var values = RandomValues(seed: seed)
      for _ in 0..<20 {
        let sent = (0..<500).map { _ in values.next(depth: 0) }
        let back: [PickledValue] = try await child.call(python: "echo.same", PickledValue.list(sent))
        try #require(back.count == sent.count)
        for (left, right) in zip(sent, back) {
          try #require(RandomValues.identical(left, right), "seed \(seed): \(left) came back as \(right)")
        }
      }
    }
  }

  @Test func `10,000 values from Python to Swift and back`() async throws {
    let source = """
      import random, mitogen.core, mitogen.parent
      from values import value
      @mitogen.core.takes_econtext
      def compare(number, seed, econtext):
          mitogen.parent.upgrade_router(econtext)
          other = econtext.router.context_by_id(number)
          def Same(value): pass
          Same.__module__, Same.__qualname__, Same.__closure__
          Same.__module__ = 'AsyncMitogenTests'
          source = random.Random(seed)
          for _ in range(100):
              values = [value(source, 0) for _ in range(100)]
              back = other.call(Same, value=values)
              for left, right in zip(values, back):
                  if repr(left) != repr(right) or type(left) is not type(right):
                      return repr((left, right))
          return ''
      """
    let seed = Int.random(in: 0..<1_000_000)
    try await Python.withChild(["compare.py": source, "values.py": PythonValueTests.generator]) { router, child in
      let swift = try await router.local()
      // Calls a sibling as the master would.
      await router.setPrivileged(child, true)
      let different: String = try await child.call(python: "compare.compare", Int(swift.id.rawValue), seed)
      #expect(different == "", "seed \(seed)")
    }
  }
}

/// Called from Python.
struct Same: RemoteFunction {
  var value: PickledValue
  func callAsFunction() -> PickledValue { value }
}

/// Values that Python can hold, at random.
struct RandomValues {
  private var source: SplitMix64

  init(seed: UInt64) { source = SplitMix64(state: seed) }

  private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &source) }

  mutating func next(depth: Int) -> PickledValue {
    switch below(depth < 4 ? 16 : 12) {
    case 0: return .none
    case 1: return .bool(below(2) == 0)
    case 2: return .integer(Int(bitPattern: UInt(source.next() >> UInt64(below(64)))))
    case 3: return .integer([0, 255, 256, 65_535, 65_536, Int(Int32.max), Int(Int32.min), .max, .min][below(9)])
    case 4: return bigInteger()
    case 5: return .float(Double(bitPattern: source.next() & 0xffef_ffff_ffff_ffff))
    case 6: return .float([0, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, 1.5][below(6)])
    case 7: return .string(text())
    case 8: return .bytes(bytes())
    case 9: return below(2) == 0 ? .blob(bytes()) : .secret(text())
    case 10: return .callError("ValueError: " + text())
    case 11:
      let id = UInt32(below(100_000)) + 100
      return below(2) == 0
        ? .context(id: ContextID(rawValue: id), name: id % 2 == 0 ? "c\(id)" : nil)
        : .sender(context: ContextID(rawValue: id), handle: Handle(rawValue: UInt32(below(100_000)) + 1_000))
    case 12: return .list(elements(depth))
    case 13: return .tuple(elements(depth))
    case 14: return .dictionary(entries(depth))
    default: return .keywords(entries(depth))
    }
  }

  private mutating func elements(_ depth: Int) -> [PickledValue] { (0..<below(6)).map { _ in next(depth: depth + 1) } }

  private mutating func entries(_ depth: Int) -> [PickledValue.Entry] {
    (0..<below(6)).map { PickledValue.Entry(.string("k\($0)"), next(depth: depth + 1)) }
  }

  private mutating func bytes() -> [UInt8] {
    let count = [0, 1, 2, 255, 256, 300][below(6)]
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: source.next()) }
  }

  private mutating func text() -> String {
    let scalars: [Unicode.Scalar] = ["\0", "a", "\n", "\u{7f}", "\u{e4}", "\u{20ac}", "\u{fffd}", "\u{1F600}"]
    var text = String.UnicodeScalarView()
    for _ in 0..<below(40) { text.append(scalars[below(scalars.count)]) }
    return String(text)
  }

  /// Beyond 64 bits, in the shortest form.
  private mutating func bigInteger() -> PickledValue {
    var octets = (0..<9 + below(300)).map { _ in UInt8(truncatingIfNeeded: source.next()) }
    octets[octets.count - 1] = UInt8([1, 0x7f, 0x80, 0xfe][below(4)])
    return .bigInteger(octets)
  }

  /// As `==`, and numbers also in their sign and their bits.
  static func identical(_ left: PickledValue, _ right: PickledValue) -> Bool {
    switch (left, right) {
    case (.float(let left), .float(let right)): left.bitPattern == right.bitPattern
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      left.count == right.count && zip(left, right).allSatisfy(identical)
    case (.dictionary(let left), .dictionary(let right)), (.keywords(let left), .keywords(let right)):
      left.count == right.count
        && zip(left, right).allSatisfy { identical($0.key, $1.key) && identical($0.value, $1.value) }
    default: left == right
    }
  }
}
