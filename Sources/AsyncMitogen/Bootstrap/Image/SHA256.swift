internal import CAsyncMitogen

/// SHA-256, taken in pieces: by it a program is known in a cache, and checked before it runs.
///
/// Nothing of the toolchain has one without Foundation or C libraries that would have to be shipped.
struct SHA256: Sendable {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  /// What does not fill a block yet; always less than one block.
  private var pending: [UInt8] = []
  private var byteCount: UInt64 = 0
  /// Whether the processor's own instructions are used if it has them; tests compare.
  private let usesInstructions: Bool

  init(usesInstructions: Bool = true) { self.usesInstructions = usesInstructions }

  private static let blockSize = 64

  /// Takes the next bytes.
  mutating func update(_ bytes: some Sequence<UInt8>) {
    let contiguous: Void? = bytes.withContiguousStorageIfAvailable { unsafe absorb($0) }
    if contiguous == nil {
      let copy = Array(bytes)
      unsafe copy.withUnsafeBufferPointer { unsafe absorb($0) }
    }
  }

  /// The digest of all that was taken, 32 bytes; more may be taken afterwards.
  func finish() -> [UInt8] {
    var last = self
    let bits = byteCount &* 8
    let zeros = (SHA256.blockSize * 2 - 9 - pending.count) % SHA256.blockSize
    last.update([0x80] + [UInt8](repeating: 0, count: zeros))
    last.update((0..<8).map { UInt8(truncatingIfNeeded: bits >> UInt64(56 - $0 * 8)) })
    return last.state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  /// The digest of `bytes` in hexadecimal, as `sha256sum` prints it.
  static func hexadecimal(of bytes: [UInt8]) -> String {
    var digest = SHA256()
    digest.update(bytes)
    return digest.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private mutating func absorb(_ bytes: UnsafeBufferPointer<UInt8>) {
    byteCount &+= UInt64(bytes.count)
    var start = 0
    if !pending.isEmpty {
      start = min(SHA256.blockSize - pending.count, bytes.count)
      for index in 0..<start { unsafe pending.append(bytes[index]) }
      guard pending.count == SHA256.blockSize else { return }
      let block = pending
      pending = []
      unsafe block.withUnsafeBytes { unsafe compress($0.baseAddress, count: 1) }
    }
    let count = (bytes.count - start) / SHA256.blockSize
    if count > 0 { unsafe compress(UnsafeRawPointer(bytes.baseAddress)?.advanced(by: start), count: count) }
    start += count * SHA256.blockSize
    while start < bytes.count {
      unsafe pending.append(bytes[start])
      start += 1
    }
  }

  /// Takes whole blocks.
  ///
  /// Pointers, because the digest of a program is made at every first connection and of tens of megabytes in debug
  /// builds. They stay within `count` blocks, the sixteen words of the schedule, and the 64 constants.
  private mutating func compress(_ start: UnsafeRawPointer?, count: Int) {
    guard let start = unsafe start else { return }
    if usesInstructions {
      let isDone = unsafe state.withUnsafeMutableBufferPointer { unsafe amt_sha256($0.baseAddress, start, count) }
      if isDone != 0 { return }
    }
    var (s0, s1, s2, s3, s4, s5, s6, s7) = (
      state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    )
    unsafe SHA256.constants.withUnsafeBufferPointer { constants in
      unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
        var block = 0
        while block < count {
          let base = unsafe start + block &* 64
          var index = 0
          while index < 16 {
            unsafe words[index] = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self))
            index &+= 1
          }
          while index < 64 {
            let early = unsafe words[index &- 15]
            let late = unsafe words[index &- 2]
            let mixedEarly = SHA256.turn(early, 7) ^ SHA256.turn(early, 18) ^ (early &>> 3)
            let mixedLate = SHA256.turn(late, 17) ^ SHA256.turn(late, 19) ^ (late &>> 10)
            unsafe words[index] = words[index &- 16] &+ mixedEarly &+ words[index &- 7] &+ mixedLate
            index &+= 1
          }
          var (a, b, c, d, e, f, g, h) = (s0, s1, s2, s3, s4, s5, s6, s7)
          index = 0
          while index < 64 {
            // Eight rounds at a time, so that the letters come back to their places without being moved.
            unsafe SHA256.round(a, b, c, &d, e, f, g, &h, constants[index] &+ words[index])
            unsafe SHA256.round(h, a, b, &c, d, e, f, &g, constants[index &+ 1] &+ words[index &+ 1])
            unsafe SHA256.round(g, h, a, &b, c, d, e, &f, constants[index &+ 2] &+ words[index &+ 2])
            unsafe SHA256.round(f, g, h, &a, b, c, d, &e, constants[index &+ 3] &+ words[index &+ 3])
            unsafe SHA256.round(e, f, g, &h, a, b, c, &d, constants[index &+ 4] &+ words[index &+ 4])
            unsafe SHA256.round(d, e, f, &g, h, a, b, &c, constants[index &+ 5] &+ words[index &+ 5])
            unsafe SHA256.round(c, d, e, &f, g, h, a, &b, constants[index &+ 6] &+ words[index &+ 6])
            unsafe SHA256.round(b, c, d, &e, f, g, h, &a, constants[index &+ 7] &+ words[index &+ 7])
            index &+= 8
          }
          (s0, s1, s2, s3) = (s0 &+ a, s1 &+ b, s2 &+ c, s3 &+ d)
          (s4, s5, s6, s7) = (s4 &+ e, s5 &+ f, s6 &+ g, s7 &+ h)
          block &+= 1
        }
      }
    }
    state = [s0, s1, s2, s3, s4, s5, s6, s7]
  }

  @inline(__always)
  private static func turn(_ word: UInt32, _ count: UInt32) -> UInt32 { word &>> count | word &<< (32 &- count) }

  @inline(__always)
  private static func round(
    _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32, _ g: UInt32, _ h: inout UInt32,
    _ input: UInt32
  ) {
    let choice = g ^ (e & (f ^ g))
    let first = h &+ (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) &+ choice &+ input
    let majority = (a & b) | (c & (a | b))
    d = d &+ first
    h = first &+ (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) &+ majority
  }

  private static let constants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]
}
