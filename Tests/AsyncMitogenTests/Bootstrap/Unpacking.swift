import CAsyncMitogenPack
import Testing

@testable import AsyncMitogen

/// Runs decoders of packed programs.
enum Unpacking {
  /// Where input ends that is still on its way, and how much of it comes at once: behind the source in memory.
  @unsafe private struct Arrival {
    var source = unsafe amt_source()
    var end: UnsafePointer<UInt8>?
    var piece = 0
  }

  /// What comes of decoding into so much room, which is checked not to be left.
  static func decode(
    _ input: [UInt8], size: Int, by piece: Int = .max,
    _ decoder: (UnsafeMutablePointer<amt_source>, UnsafeMutablePointer<UInt8>?) -> amt_unpack_result
  ) -> (result: amt_unpack_result, output: [UInt8]) {
    let (guards, mark) = (64, UInt8(0xa5))
    var output = [UInt8](repeating: mark, count: size + 2 * guards)
    // Of exactly the input's size, so that a sanitizer sees who reads on.
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: input.count)
    unsafe bytes.initialize(from: input, count: input.count)
    let arrival = UnsafeMutablePointer<Arrival>.allocate(capacity: 1)
    unsafe arrival.initialize(to: Arrival())
    defer {
      unsafe arrival.deallocate()
      unsafe bytes.deallocate()
    }
    let end = unsafe UnsafePointer(bytes + input.count)
    let start = unsafe piece == .max ? end : UnsafePointer(bytes)
    unsafe arrival.pointee.source.next = UnsafePointer(bytes)
    unsafe arrival.pointee.source.end = start
    unsafe arrival.pointee.end = end
    unsafe arrival.pointee.piece = piece
    if piece != .max {
      unsafe arrival.pointee.source.more = { source in
        guard let source = unsafe source else { return 0 }
        return unsafe source.withMemoryRebound(to: Arrival.self, capacity: 1) { arrival in
          guard let now = unsafe arrival.pointee.source.end, let end = unsafe arrival.pointee.end, unsafe now < end
          else { return 0 }
          unsafe arrival.pointee.source.end = now + min(arrival.pointee.piece, end - now)
          return 1
        }
      }
    }
    let result = unsafe arrival.withMemoryRebound(to: amt_source.self, capacity: 1) { source in
      unsafe output.withUnsafeMutableBufferPointer { unsafe decoder(source, $0.baseAddress?.advanced(by: guards)) }
    }
    #expect(output.prefix(guards).allSatisfy { $0 == mark } && output.suffix(guards).allSatisfy { $0 == mark })
    return (result, Array(output[guards..<guards + size]))
  }
}

/// Whether they are the same: an expectation that compares them would print them all.
func isEqual(_ one: [UInt8], _ other: [UInt8]?) -> Bool { one == other }
