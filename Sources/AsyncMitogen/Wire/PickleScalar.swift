/// Reads the values that are met most where they lie, without a parser: whole numbers, truth values and none.
enum PickleScalar {
  /// The value at `position`, which is moved behind it; nil, with `position` as it was, if it is not one of those or not
  /// of this type.
  static func read<Value>(_ type: Value.Type, _ bytes: [UInt8], at position: inout Int) -> Value? {
    guard position < bytes.count else { return nil }
    if type == Bool.self {
      guard bytes[position] == 0x88 || bytes[position] == 0x89 else { return nil }
      defer { position += 1 }
      return (bytes[position] == 0x88) as? Value
    }
    guard type == Int.self, let (value, size) = integer(bytes, position) else { return nil }
    position += size
    return value as? Value
  }

  private static func integer(_ bytes: [UInt8], _ position: Int) -> (Int, size: Int)? {
    switch bytes[position] {
    case 0x4b where position + 1 < bytes.count: return (Int(bytes[position + 1]), 2)
    case 0x4d where position + 2 < bytes.count: return (Int(bytes[position + 1]) | Int(bytes[position + 2]) << 8, 3)
    case 0x4a where position + 4 < bytes.count:
      var value: UInt32 = 0
      for offset in 0..<4 { value |= UInt32(bytes[position + 1 + offset]) << UInt32(8 * offset) }
      return (Int(Int32(bitPattern: value)), 5)
    default: return nil
    }
  }
}
