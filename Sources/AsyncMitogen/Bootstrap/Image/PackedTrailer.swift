/// Where a packed program is in the file that it made of itself.
///
/// A packed program unpacks itself into a file of memory and becomes that: `/proc/self/exe` is then the unpacked program,
/// with the packed one behind it, and these 32 bytes at the end. What is sent to other machines is the packed one, so it
/// has the same digest everywhere. Written by `CAsyncMitogenPack/Stub`. Pure.
struct PackedTrailer: Sendable, Hashable {
  static let size = 32
  static let mark = Array("AMT packed image".utf8)

  /// The packed program's bytes in the file.
  let range: Range<Int>

  /// Reads the last bytes of a file; nil if it is as it was sent.
  init?(lastBytes: [UInt8], fileSize: Int) {
    guard lastBytes.count == PackedTrailer.size, lastBytes.starts(with: PackedTrailer.mark) else { return nil }
    func number(at offset: Int) -> UInt64 {
      lastBytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let (start, count) = (number(at: 16), number(at: 24))
    let (end, isTooMuch) = start.addingReportingOverflow(count)
    // Both programs have bytes, and there is nothing else in the file.
    guard !isTooMuch, start > 0, count > 0, end == UInt64(fileSize - PackedTrailer.size) else { return nil }
    range = Int(start)..<Int(end)
  }
}
