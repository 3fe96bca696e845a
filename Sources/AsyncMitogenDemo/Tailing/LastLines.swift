/// Finds where the last lines of a file begin.
enum LastLines {
  /// How much is read at once.
  private static let block = 64 * 1024

  /// The place from which there are so many lines up to the end. One at the end without a newline counts.
  ///
  /// - Parameters:
  ///   - size: How many bytes the file has.
  ///   - read: Reads bytes of it; fewer if it has become shorter.
  static func start(
    of count: Int, size: Int, read: (Range<Int>) throws(FileError) -> [UInt8]
  ) throws(FileError) -> Int {
    guard count > 0 else { return size }
    var end = size
    var found = 0
    while end > 0 {
      let start = max(0, end - block)
      let bytes = try read(start..<end)
      for (index, byte) in bytes.enumerated().reversed() where byte == UInt8(ascii: "\n") {
        // The last newline ends the last line, and separates nothing.
        if start + index == size - 1 { continue }
        found += 1
        if found == count { return start + index + 1 }
      }
      end = start
    }
    return 0
  }
}
