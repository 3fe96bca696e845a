internal import Glibc

/// What calls name, each found once: a call that has come before is known by its bytes alone.
///
/// A target is what stands before the arguments in the form that our writers give it: a beginning that all have, and two
/// texts. Others are not found here, and have to be parsed.
struct KnownTargets<Value: Sendable>: Sendable {
  private struct Entry: Sendable {
    /// All that stands before the arguments.
    var prefix: [UInt8]
    var value: Value
  }

  private let beginning: [UInt8]
  private let limit: Int
  private var entries: [UInt64: Entry] = [:]

  /// Makes a table.
  ///
  /// - Parameters:
  ///   - beginning: With what all targets begin.
  ///   - limit: How many are kept.
  init(beginning: [UInt8], limit: Int) {
    self.beginning = beginning
    self.limit = limit
  }

  /// How many are known.
  var count: Int { entries.count }

  /// What a call names, and where its arguments begin; nil if it has to be parsed to know.
  func find(_ payload: [UInt8]) -> (value: Value, end: Int)? {
    guard let end = endOfTarget(payload),
      // What is known began as ours do: to compare all of it says the same of this one.
      let entry = entries[hash(payload[beginning.count..<end])], entry.prefix.count == end,
      begins(payload, with: entry.prefix)
    else { return nil }
    return (entry.value, end)
  }

  /// Remembers what a call names.
  mutating func remember(_ payload: [UInt8], _ value: Value) {
    guard entries.count < limit, let end = endOfTarget(payload), begins(payload, with: beginning) else { return }
    entries[hash(payload[beginning.count..<end])] = Entry(prefix: Array(payload[..<end]), value: value)
  }

  /// Forgets all.
  mutating func removeAll() { entries.removeAll() }

  private func begins(_ payload: [UInt8], with prefix: [UInt8]) -> Bool {
    guard payload.count >= prefix.count else { return false }
    return unsafe payload.withUnsafeBytes { payload in
      unsafe prefix.withUnsafeBytes { prefix in
        guard let start = payload.baseAddress, let other = prefix.baseAddress else { return unsafe prefix.isEmpty }
        return unsafe memcmp(start, other, prefix.count) == 0
      }
    }
  }

  /// Where the second text ends, if the call has the form that ours have after a beginning as long.
  private func endOfTarget(_ payload: [UInt8]) -> Int? {
    guard payload.count > beginning.count else { return nil }
    var position = beginning.count
    for _ in 0..<2 {
      guard payload.count - position > 5, payload[position] == 0x58 else { return nil }
      var length = 0
      for offset in 0..<4 { length |= Int(payload[position + 1 + offset]) << (8 * offset) }
      guard length <= payload.count - position - 5 else { return nil }
      position += 5 + length
    }
    return position < payload.count ? position : nil
  }

  /// Good enough for names of this program: the bytes are compared afterwards.
  private func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    unsafe bytes.withUnsafeBytes { buffer in
      var hash = UInt64(buffer.count)
      var offset = 0
      while offset + 8 <= buffer.count {
        hash = unsafe (hash ^ buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x9e37_79b9_7f4a_7c15
        hash ^= hash >> 32
        offset += 8
      }
      while offset < buffer.count {
        hash = unsafe (hash ^ UInt64(buffer[offset])) &* 0x9e37_79b9_7f4a_7c15
        offset += 1
      }
      return hash
    }
  }
}
