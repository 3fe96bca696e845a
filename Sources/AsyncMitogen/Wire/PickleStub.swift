protocol PickleConvertible { var pickledValue: PickledValue { get throws }; init(pickledValue: PickledValue, userInfo: [CodingUserInfoKey: any Sendable]) throws }
indirect enum PickledValue: Sendable { case none, bool(Bool), integer(Int), float(Double), string(String), bytes([UInt8]), list([PickledValue]), dictionary([(PickledValue, PickledValue)]), callError(String), context(id: ContextID, name: String?), sender(context: ContextID, handle: Handle) }
struct PickleWriter { var bytes: [UInt8] = []
 mutating func begin(){ bytes += [0x80,2] }; mutating func end(){ bytes.append(0x2e) }; mutating func none(){ bytes.append(0x4e)}
 mutating func bool(_ b: Bool) { bytes.append(b ? 0x88 : 0x89) }
 mutating func le32(_ v: Int) { let u = UInt32(truncatingIfNeeded: v); for s in [0,8,16,24] { bytes.append(UInt8(truncatingIfNeeded: u >> UInt32(s))) } }
 mutating func integer(_ v: Int){ if v >= 0 && v < 256 { bytes += [0x4b, UInt8(v)] } else if v >= Int(Int32.min) && v <= Int(Int32.max) { bytes.append(0x4a); le32(v) } else { bytes += [0x8a, 8]; for s in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: v >> (8*s))) } } }
 mutating func float(_ d: Double) { bytes.append(0x47); let b = d.bitPattern; for s in (0..<8).reversed() { bytes.append(UInt8(truncatingIfNeeded: b >> UInt64(8*s))) } }
 mutating func string(_ s: String){ bytes.append(0x58); le32(s.utf8.count); bytes += Array(s.utf8) }
 mutating func byteString(_ b: [UInt8]){ bytes.append(0x54); le32(b.count); bytes += b }
 mutating func mark(){bytes.append(0x28)}; mutating func tuple(){bytes.append(0x74)}; mutating func tuple2(){bytes.append(0x86)}; mutating func emptyTuple(){bytes.append(0x29)}; mutating func emptyDictionary(){bytes.append(0x7d)}
 mutating func emptyList(){bytes.append(0x5d)}; mutating func appends(){bytes.append(0x65)}; mutating func setItems(){bytes.append(0x75)}
 mutating func global(_ m: String, _ n: String) { bytes.append(0x63); bytes += Array((m+"\n"+n+"\n").utf8) }
 mutating func callError(_ s: String){ global("mitogen.core","_unpickle_call_error"); string(s); bytes += [0x85, 0x52] }
 mutating func append(_ b: [UInt8]){ bytes += b }
 mutating func value(_ v: PickledValue) { switch v { case .none: none(); case .bool(let b): bool(b); case .integer(let i): integer(i); case .float(let d): float(d); case .string(let s): string(s); case .bytes(let b): byteString(b)
  case .list(let l): emptyList(); mark(); for e in l { value(e) }; appends()
  case .dictionary(let d): emptyDictionary(); mark(); for (k, e) in d { value(k); value(e) }; setItems()
  case .callError(let s): callError(s)
  case .context(let id, let name): global("mitogen.core","_unpickle_context"); integer(Int(id.rawValue)); if let name { string(name) } else { none() }; bytes += [0x86,0x52]
  case .sender(let c, let h): global("mitogen.core","_unpickle_sender"); integer(Int(c.rawValue)); integer(Int(h.rawValue)); bytes += [0x86,0x52] } }
 mutating func encode<T: Encodable>(_ v: T) throws { value(try toValue(v)) } }
final class Box { var v: PickledValue = .none; var list: [Box]?; var dict: [(String, Box)]?
 var out: PickledValue { if let list { return .list(list.map(\.out)) }; if let dict { return .dictionary(dict.map { (.string($0.0), $0.1.out) }) }; return v } }
func toValue<T: Encodable>(_ v: T) throws -> PickledValue { let b = Box(); try put(v, b); return b.out }
func put<T: Encodable>(_ v: T, _ b: Box) throws { if let c = v as? any PickleConvertible { b.v = try c.pickledValue } else if let x = v as? [UInt8] { b.v = .bytes(x) } else { try v.encode(to: Enc(box: b)) } }
struct Enc: Encoder { let box: Box; var codingPath: [any CodingKey] = []; var userInfo: [CodingUserInfoKey: Any] = [:]
 func container<K: CodingKey>(keyedBy: K.Type) -> KeyedEncodingContainer<K> { if box.dict == nil { box.dict = [] }; return KeyedEncodingContainer(KE<K>(box: box)) }
 func unkeyedContainer() -> any UnkeyedEncodingContainer { if box.list == nil { box.list = [] }; return UE(box: box) }
 func singleValueContainer() -> any SingleValueEncodingContainer { SE(box: box) } }
struct KE<Key: CodingKey>: KeyedEncodingContainerProtocol { let box: Box; var codingPath: [any CodingKey] = []
 func new(_ k: any CodingKey) -> Box { let b = Box(); box.dict?.append((k.stringValue, b)); return b }
 func encodeNil(forKey k: Key) throws { _ = new(k) }
 func encode<T: Encodable>(_ v: T, forKey k: Key) throws { try put(v, new(k)) }
 func nestedContainer<N: CodingKey>(keyedBy: N.Type, forKey k: Key) -> KeyedEncodingContainer<N> { Enc(box: new(k)).container(keyedBy: N.self) }
 func nestedUnkeyedContainer(forKey k: Key) -> any UnkeyedEncodingContainer { Enc(box: new(k)).unkeyedContainer() }
 func superEncoder() -> any Encoder { Enc(box: Box()) }; func superEncoder(forKey k: Key) -> any Encoder { Enc(box: new(k)) } }
struct UE: UnkeyedEncodingContainer { let box: Box; var codingPath: [any CodingKey] = []; var count: Int { box.list?.count ?? 0 }
 func new() -> Box { let b = Box(); box.list?.append(b); return b }
 func encodeNil() throws { _ = new() }; func encode<T: Encodable>(_ v: T) throws { try put(v, new()) }
 func nestedContainer<N: CodingKey>(keyedBy: N.Type) -> KeyedEncodingContainer<N> { Enc(box: new()).container(keyedBy: N.self) }
 func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { Enc(box: new()).unkeyedContainer() }; func superEncoder() -> any Encoder { Enc(box: new()) } }
struct SE: SingleValueEncodingContainer { let box: Box; var codingPath: [any CodingKey] = []
 func encodeNil() throws {}
 func encode(_ v: Bool) throws { box.v = .bool(v) }; func encode(_ v: String) throws { box.v = .string(v) }; func encode(_ v: Double) throws { box.v = .float(v) }; func encode(_ v: Float) throws { box.v = .float(Double(v)) }
 func encode(_ v: Int) throws { box.v = .integer(v) }; func encode(_ v: Int8) throws { box.v = .integer(Int(v)) }; func encode(_ v: Int16) throws { box.v = .integer(Int(v)) }; func encode(_ v: Int32) throws { box.v = .integer(Int(v)) }; func encode(_ v: Int64) throws { box.v = .integer(Int(v)) }
 func encode(_ v: UInt) throws { box.v = .integer(Int(bitPattern: v)) }; func encode(_ v: UInt8) throws { box.v = .integer(Int(v)) }; func encode(_ v: UInt16) throws { box.v = .integer(Int(v)) }; func encode(_ v: UInt32) throws { box.v = .integer(Int(v)) }; func encode(_ v: UInt64) throws { box.v = .integer(Int(bitPattern: UInt(v))) }
 func encode<T: Encodable>(_ v: T) throws { try put(v, box) } }
struct PickleEncoder { func encode<T: Encodable>(_ v: T) throws -> [UInt8] { var w = PickleWriter(); w.begin(); try w.encode(v); w.end(); return w.bytes } }
struct PickleDecoder { var userInfo: [CodingUserInfoKey: any Sendable] = [:]; func decode<T: Decodable>(_ t: T.Type, from b: [UInt8]) throws -> T { try Unpickled(b).root.decode(t, userInfo: userInfo) } }
struct Unpickled { let node: Node
 init(_ b: [UInt8]) throws { node = try Unpickled.streams(b)[0] }
 static func streams(_ b: [UInt8]) throws -> [Node] { var at = 0; var out: [Node] = []; while at < b.count { out.append(Node(v: try one(b, &at))) }; return out }
 static func one(_ b: [UInt8], _ at: inout Int) throws -> PickledValue {
  var stack: [PickledValue] = []; var marks: [Int] = []; var globals: [String] = []
  func le(_ n: Int) throws -> Int { guard at + n <= b.count else { throw StreamError("truncated") }; var r = 0; for i in 0..<n { r |= Int(b[at+i]) << (8*i) }; at += n; return r }
  while at < b.count { let op = b[at]; at += 1
   switch op { case 0x80: at += 1; case 0x2e: return stack.removeLast(); case 0x4e: stack.append(.none); case 0x88: stack.append(.bool(true)); case 0x89: stack.append(.bool(false))
   case 0x4b: stack.append(.integer(try le(1))); case 0x4d: stack.append(.integer(try le(2))); case 0x4a: stack.append(.integer(Int(Int32(truncatingIfNeeded: try le(4))))); case 0x8a: let n = try le(1); stack.append(.integer(try le(n)))
   case 0x47: var x: UInt64 = 0; for _ in 0..<8 { x = x << 8 | UInt64(b[at]); at += 1 }; stack.append(.float(Double(bitPattern: x)))
   case 0x58: let n = try le(4); stack.append(.string(String(decoding: b[at..<at+n], as: UTF8.self))); at += n
   case 0x54: let n = try le(4); stack.append(.bytes(Array(b[at..<at+n]))); at += n
   case 0x28: marks.append(stack.count); case 0x29, 0x5d: stack.append(.list([])); case 0x7d: stack.append(.dictionary([]))
   case 0x74: let m = marks.removeLast(); let e = Array(stack[m...]); stack.removeLast(stack.count-m); stack.append(.list(e))
   case 0x65: let m = marks.removeLast(); let e = Array(stack[m...]); stack.removeLast(stack.count-m+1); stack.append(.list(e))
   case 0x75: let m = marks.removeLast(); let e = Array(stack[m...]); stack.removeLast(stack.count-m+1); stack.append(.dictionary(stride(from: 0, to: e.count, by: 2).map { (e[$0], e[$0+1]) }))
   case 0x85: stack.append(.list([stack.removeLast()])); case 0x86: let y = stack.removeLast(), x = stack.removeLast(); stack.append(.list([x,y]))
   case 0x63: let e = b[at...].firstIndex(of: 10)!; let f = b[(e+1)...].firstIndex(of: 10)!; globals.append(String(decoding: b[(e+1)..<f], as: UTF8.self)); at = f+1
   case 0x52: guard case .list(let a) = stack.removeLast() else { throw StreamError("x") }; switch (globals.removeLast(), a.first, a.last) { case ("_unpickle_call_error", .string(let s), _): stack.append(.callError(s)); case ("_unpickle_context", .integer(let i), let n): var name: String?; if case .string(let s) = n { name = s }; stack.append(.context(id: ContextID(rawValue: UInt32(i)), name: name)); case ("_unpickle_sender", .integer(let i), .integer(let h)): stack.append(.sender(context: ContextID(rawValue: UInt32(i)), handle: Handle(rawValue: UInt32(h)))); default: throw StreamError("cannot unpickle") }
   default: throw StreamError("opcode \(op)") } }
  throw StreamError("truncated") }
 var root: Node { node }
 struct Node { let v: PickledValue; var isSequence: Bool { if case .list = v { true } else { false } }; var isNone: Bool { if case .none = v { true } else { false } }; var count: Int { if case .list(let l) = v { l.count } else { 0 } }; func element(_ i: Int) -> Node { if case .list(let l) = v { Node(v: l[i]) } else { self } }; var text: String? { if case .string(let s) = v { s } else { nil } }; var value: PickledValue { get throws { v } }
  subscript(_ s: String) -> Node? { if case .dictionary(let d) = v { for (k, e) in d { if case .string(s) = k { return Node(v: e) } } }; return nil }
  func decode<T: Decodable>(_ t: T.Type, userInfo: [CodingUserInfoKey: any Sendable]) throws -> T { try get(t, v, userInfo) } } }
func get<T: Decodable>(_ t: T.Type, _ v: PickledValue, _ u: [CodingUserInfoKey: any Sendable]) throws -> T { if let c = t as? any PickleConvertible.Type { return try c.init(pickledValue: v, userInfo: u) as! T }; if t == [UInt8].self, case .bytes(let b) = v { return b as! T }; return try T(from: Dec(v: v, u: u)) }
struct Dec: Decoder { let v: PickledValue; let u: [CodingUserInfoKey: any Sendable]; var codingPath: [any CodingKey] = []; var userInfo: [CodingUserInfoKey: Any] { u }
 init(v: PickledValue, u: [CodingUserInfoKey: any Sendable]) { self.v = v; self.u = u }
 func container<K: CodingKey>(keyedBy: K.Type) throws -> KeyedDecodingContainer<K> { guard case .dictionary(let d) = v else { throw StreamError("no dict") }; return KeyedDecodingContainer(KD<K>(d: Dictionary(d.compactMap { if case .string(let s) = $0.0 { (s, $0.1) } else { nil } }, uniquingKeysWith: { $1 }), u: u)) }
 func unkeyedContainer() throws -> any UnkeyedDecodingContainer { guard case .list(let l) = v else { throw StreamError("no list") }; return UD(l: l, u: u) }
 func singleValueContainer() throws -> any SingleValueDecodingContainer { SD(v: v, u: u) } }
struct KD<Key: CodingKey>: KeyedDecodingContainerProtocol { let d: [String: PickledValue]; let u: [CodingUserInfoKey: any Sendable]; var codingPath: [any CodingKey] = []; init(d: [String: PickledValue], u: [CodingUserInfoKey: any Sendable]) { self.d = d; self.u = u }
 var allKeys: [Key] { d.keys.compactMap { Key(stringValue: $0) } }; func contains(_ k: Key) -> Bool { d[k.stringValue] != nil }
 func decodeNil(forKey k: Key) throws -> Bool { if case .some(.none) = d[k.stringValue] { true } else { d[k.stringValue] == nil } }
 func decode<T: Decodable>(_ t: T.Type, forKey k: Key) throws -> T { guard let v = d[k.stringValue] else { throw StreamError("missing \(k.stringValue)") }; return try get(t, v, u) }
 func nestedContainer<N: CodingKey>(keyedBy: N.Type, forKey k: Key) throws -> KeyedDecodingContainer<N> { try Dec(v: d[k.stringValue] ?? .none, u: u).container(keyedBy: N.self) }
 func nestedUnkeyedContainer(forKey k: Key) throws -> any UnkeyedDecodingContainer { try Dec(v: d[k.stringValue] ?? .none, u: u).unkeyedContainer() }
 func superDecoder() throws -> any Decoder { Dec(v: .none, u: u) }; func superDecoder(forKey k: Key) throws -> any Decoder { Dec(v: d[k.stringValue] ?? .none, u: u) } }
struct UD: UnkeyedDecodingContainer { let l: [PickledValue]; let u: [CodingUserInfoKey: any Sendable]; var codingPath: [any CodingKey] = []; var currentIndex = 0; init(l: [PickledValue], u: [CodingUserInfoKey: any Sendable]) { self.l = l; self.u = u }
 var count: Int? { l.count }; var isAtEnd: Bool { currentIndex >= l.count }
 mutating func n() throws -> PickledValue { guard !isAtEnd else { throw StreamError("end") }; currentIndex += 1; return l[currentIndex-1] }
 mutating func decodeNil() throws -> Bool { if case .none = l[currentIndex] { currentIndex += 1; return true }; return false }
 mutating func decode<T: Decodable>(_ t: T.Type) throws -> T { try get(t, n(), u) }
 mutating func nestedContainer<N: CodingKey>(keyedBy: N.Type) throws -> KeyedDecodingContainer<N> { try Dec(v: n(), u: u).container(keyedBy: N.self) }
 mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try Dec(v: n(), u: u).unkeyedContainer() }; mutating func superDecoder() throws -> any Decoder { Dec(v: try n(), u: u) } }
struct SD: SingleValueDecodingContainer { let v: PickledValue; let u: [CodingUserInfoKey: any Sendable]; var codingPath: [any CodingKey] = []; init(v: PickledValue, u: [CodingUserInfoKey: any Sendable]) { self.v = v; self.u = u }
 func decodeNil() -> Bool { if case .none = v { true } else { false } }
 func int<T: FixedWidthInteger>(_ t: T.Type) throws -> T { guard case .integer(let i) = v, let r = T(exactly: i) else { throw StreamError("not int \(v)") }; return r }
 func decode(_ t: Bool.Type) throws -> Bool { guard case .bool(let b) = v else { throw StreamError("bool") }; return b }
 func decode(_ t: String.Type) throws -> String { guard case .string(let b) = v else { throw StreamError("string") }; return b }
 func decode(_ t: Double.Type) throws -> Double { if case .integer(let i) = v { return Double(i) }; guard case .float(let b) = v else { throw StreamError("float") }; return b }
 func decode(_ t: Float.Type) throws -> Float { Float(try decode(Double.self)) }
 func decode(_ t: Int.Type) throws -> Int { try int(t) }; func decode(_ t: Int8.Type) throws -> Int8 { try int(t) }; func decode(_ t: Int16.Type) throws -> Int16 { try int(t) }; func decode(_ t: Int32.Type) throws -> Int32 { try int(t) }; func decode(_ t: Int64.Type) throws -> Int64 { try int(t) }
 func decode(_ t: UInt.Type) throws -> UInt { try int(t) }; func decode(_ t: UInt8.Type) throws -> UInt8 { try int(t) }; func decode(_ t: UInt16.Type) throws -> UInt16 { try int(t) }; func decode(_ t: UInt32.Type) throws -> UInt32 { try int(t) }; func decode(_ t: UInt64.Type) throws -> UInt64 { if case .integer(let i) = v { return UInt64(bitPattern: Int64(i)) }; return try int(t) }
 func decode<T: Decodable>(_ t: T.Type) throws -> T { try get(t, v, u) } }
