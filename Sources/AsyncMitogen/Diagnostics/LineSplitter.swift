import Glibc

/// Splits a stream of bytes into lines of text, however the bytes are cut into chunks.
///
/// Lines end with a newline, which is not part of them; a carriage return is. Bytes that are no UTF-8 become U+FFFD. A line
/// that is longer than the limit is delivered in pieces of at most that many bytes, cut between characters, as if it
/// had been several lines. The cost is linear in the bytes, whatever the chunks and the lines.
struct LineSplitter: Sendable {
  /// The longest line that is delivered whole: bytes.
  let limit: Int
  /// What has come since the last newline; never more than `limit` bytes. Prompts are found in it.
  private(set) var partial: [UInt8] = []

  /// Makes a splitter.
  init(limit: Int = 64 * 1024) {
    // A piece must have room for the longest character.
    self.limit = max(limit, 4)
  }

  /// Takes the next bytes, and calls `deliver` with each line that they complete, until it returns false.
  ///
  /// - Returns: Nil if all was taken. If `deliver` returned false, the bytes after that line, which another reader is to
  ///   get; this one has then forgotten them.
  mutating func push(_ chunk: [UInt8], _ deliver: (String) throws -> Bool) rethrows -> [UInt8]? {
    var start = 0
    while start < chunk.count {
      let newline = Self.firstNewline(in: chunk, from: start)
      let end = newline ?? chunk.count
      while let piece = takePiece(of: chunk, from: &start, to: end) {
        guard try deliver(piece) else { return remainder(of: chunk, from: start) }
      }
      guard newline != nil else {
        partial.append(contentsOf: chunk[start..<end])
        return nil
      }
      // Here `takePiece` has moved the line into `partial` if anything was there before.
      let line = partial.isEmpty ? Self.text(chunk[start..<end]) : Self.text(partial[...])
      partial.removeAll(keepingCapacity: true)
      start = end + 1
      guard try deliver(line) else { return remainder(of: chunk, from: start) }
    }
    return nil
  }

  /// Takes the next bytes, and returns the lines that they complete.
  mutating func lines(_ chunk: [UInt8]) -> [String] {
    var lines: [String] = []
    _ = push(chunk) {
      lines.append($0)
      return true
    }
    return lines
  }

  /// The last line if it had no newline; nothing more will come. Mitogen loses that line.
  mutating func finish() -> String? {
    defer { partial = [] }
    return partial.isEmpty ? nil : Self.text(partial[...])
  }

  /// A piece of a line that is too long: of what waits and of the chunk from `start` to the line's `end`; nil if the rest
  /// is short enough.
  ///
  /// If something waits, nil means that the chunk's part of the line has been added to it.
  private mutating func takePiece(of chunk: [UInt8], from start: inout Int, to end: Int) -> String? {
    if partial.isEmpty {
      guard end - start > limit else { return nil }
      let cut = cut(chunk, from: start)
      defer { start = cut }
      return Self.text(chunk[start..<cut])
    }
    // One byte beyond the limit decides where to cut, so the cut does not depend on the chunks.
    let taken = min(limit + 1 - partial.count, end - start)
    partial.append(contentsOf: chunk[start..<start + taken])
    start += taken
    guard partial.count > limit else { return nil }
    let cut = cut(partial, from: 0)
    let piece = Self.text(partial[..<cut])
    let returned = min(partial.count - cut, taken)
    start -= returned
    partial.removeLast(returned)
    partial.removeFirst(cut)
    return piece
  }

  /// Where to end a piece that begins at `start`: `limit` bytes on, or before the character that would be cut in two.
  private func cut(_ bytes: [UInt8], from start: Int) -> Int {
    let end = start + limit
    for index in stride(from: end, to: end - 4, by: -1) where bytes[index] & 0xC0 != 0x80 { return index }
    return end
  }

  private mutating func remainder(of chunk: [UInt8], from start: Int) -> [UInt8] {
    defer { partial = [] }
    return partial + chunk[start...]
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

  /// The C library looks at 32 bytes at a time where a loop looks at one.
  private static func firstNewline(in bytes: [UInt8], from start: Int) -> Int? {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress,
        let found = unsafe memchr(base + start, CInt(UInt8(ascii: "\n")), buffer.count - start)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }
}
