internal import Glibc
internal import Synchronization

/// Finds the closures that calls name, each once: a call that has come before is known by its bytes alone.
final class ClosureCalls: Sendable {
  static let shared = ClosureCalls()

  private struct Entry: Sendable {
    /// All that stands before the arguments.
    var prefix: [UInt8]
    var invocation: any AnyInvocation
  }

  private let entries = Mutex<[UInt64: Entry]>([:])
  /// How many are kept.
  static let limit = 4_096
  /// What stands before the names: a tuple, no chain, and the module of closures.
  private static let beginning: [UInt8] = {
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    writer.none()
    writer.string(CallRequest.closureModule, scalars: .max)
    return writer.bytes
  }()

  /// How many are known.
  var count: Int { entries.withLock { $0.count } }

  /// The closure that a call names, and where its arguments lie; nil if it has to be parsed to know.
  func find(_ payload: [UInt8]) -> (invocation: any AnyInvocation, arguments: Int)? {
    guard let end = ClosureCalls.endOfTarget(payload) else { return nil }
    let key = ClosureCalls.hash(payload[ClosureCalls.beginning.count..<end])
    let known = entries.withLock { entries -> (any AnyInvocation)? in
      // What is known began as ours do: to compare all of it says the same of this one.
      guard let entry = entries[key], entry.prefix.count == end, ClosureCalls.begins(payload, with: entry.prefix) else {
        return nil
      }
      return entry.invocation
    }
    return known.map { ($0, end + 1) }
  }

  /// Remembers the closure that a call names.
  func remember(_ payload: [UInt8], _ invocation: any AnyInvocation) {
    guard let end = ClosureCalls.endOfTarget(payload), ClosureCalls.begins(payload, with: ClosureCalls.beginning)
    else { return }
    let key = ClosureCalls.hash(payload[ClosureCalls.beginning.count..<end])
    entries.withLock { entries in
      if entries.count < ClosureCalls.limit {
        entries[key] = Entry(prefix: Array(payload[..<end]), invocation: invocation)
      }
    }
  }

  private static func begins(_ payload: [UInt8], with prefix: [UInt8]) -> Bool {
    guard payload.count >= prefix.count else { return false }
    return unsafe payload.withUnsafeBytes { payload in
      unsafe prefix.withUnsafeBytes { prefix in
        guard let start = payload.baseAddress, let other = prefix.baseAddress else { return unsafe prefix.isEmpty }
        return unsafe memcmp(start, other, prefix.count) == 0
      }
    }
  }

  /// Where the mark before the arguments lies, if the call has the form that ours have after a beginning as long.
  private static func endOfTarget(_ payload: [UInt8]) -> Int? {
    guard payload.count > beginning.count else { return nil }
    var position = beginning.count
    for _ in 0..<2 {
      guard payload.count - position > 5, payload[position] == 0x58 else { return nil }
      var length = 0
      for offset in 0..<4 { length |= Int(payload[position + 1 + offset]) << (8 * offset) }
      guard length <= payload.count - position - 5 else { return nil }
      position += 5 + length
    }
    return position < payload.count && payload[position] == 0x28 ? position : nil
  }

  /// Good enough for names of this program: the bytes are compared afterwards.
  private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
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
