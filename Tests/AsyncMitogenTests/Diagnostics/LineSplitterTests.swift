import Testing

@testable import AsyncMitogen

struct LineSplitterTests {
  @Test(arguments: [
    ("", [], ""), ("\n", [""], ""), ("xxxx\n", ["xxxx"], ""), ("xxxx\nyy", ["xxxx"], "yy"),
    ("a\n\nb\r\n", ["a", "", "b\r"], ""),
  ]) func `lines are split and the rest waits`(text: String, lines: [String], rest: String) {
    var splitter = LineSplitter()
    #expect(splitter.lines(Array(text.utf8)) == lines)
    #expect(splitter.partial == Array(rest.utf8))
    #expect(splitter.finish() == (rest.isEmpty ? nil : rest))
    #expect(splitter.finish() == nil)
  }

  @Test func `a reader that stops gets back what follows`() {
    var splitter = LineSplitter()
    #expect(splitter.lines(Array("x".utf8)).isEmpty)
    #expect(splitter.push(Array("xxx\nyy\nzz".utf8)) { $0 != "xxxx" } == Array("yy\nzz".utf8))
    #expect(splitter.partial.isEmpty)
    #expect(splitter.push(Array("xxxx\nyy\nzz".utf8)) { $0 != "yy" } == Array("zz".utf8))
    #expect(splitter.push(Array("xxxx\n".utf8)) { _ in false } == [])
    #expect(splitter.finish() == nil)
  }

  @Test func `a reader that stops in a long line gets back the rest of it`() {
    var splitter = LineSplitter(limit: 4)
    #expect(splitter.lines(Array("ab".utf8)).isEmpty)
    #expect(splitter.push(Array("cdefgh\ni".utf8)) { _ in false } == Array("efgh\ni".utf8))
    #expect(splitter.push(Array("abcdef\ni".utf8)) { _ in false } == Array("ef\ni".utf8))
    #expect(splitter.finish() == nil)
  }

  @Test(arguments: [
    ("abcd\n", ["abcd"]), ("abcde\n", ["abcd", "e"]), ("abcdefgh\n", ["abcd", "efgh"]),
    ("abcdefghi", ["abcd", "efgh", "i"]),
    ("abcé\n", ["abc", "é"]), ("a😀\n", ["a", "😀"]), ("😀😀\n", ["😀", "😀"]), ("ab€\n", ["ab", "€"]),
  ]) func `a line that is too long comes in pieces of whole characters`(text: String, lines: [String]) {
    var splitter = LineSplitter(limit: 4)
    let split = splitter.lines(Array(text.utf8))
    #expect(split + (splitter.finish().map { [$0] } ?? []) == lines)
  }

  @Test func `bytes that are no text are replaced`() {
    var splitter = LineSplitter()
    #expect(splitter.lines([0x61, 0xFF, 0xC3, 0x0A]) == ["a\u{FFFD}\u{FFFD}"])
  }

  @Test(arguments: [4, 5, 7, 64]) func `the same bytes give the same lines however they are cut`(limit: Int) {
    var random = SystemRandomNumberGenerator()
    let alphabet: [[UInt8]] = [
      [0x0A], [0x61], [0x62], Array("é".utf8), Array("€".utf8), Array("😀".utf8), [0xFF], [0x80],
    ]
    for _ in 0..<300 {
      let bytes = (0..<Int.random(in: 0..<200, using: &random)).flatMap { _ in alphabet.randomElement(using: &random)! }
      var whole = LineSplitter(limit: limit)
      let expected = whole.lines(bytes) + (whole.finish().map { [$0] } ?? [])
      var cut = LineSplitter(limit: limit)
      var lines: [String] = []
      var start = 0
      while start < bytes.count {
        let end = min(start + Int.random(in: 1...9, using: &random), bytes.count)
        lines += cut.lines(Array(bytes[start..<end]))
        #expect(cut.partial.count <= limit)
        start = end
      }
      #expect(lines + (cut.finish().map { [$0] } ?? []) == expected)
    }
  }

  @Test(.timeLimit(.minutes(1))) func `a line without end costs no more than its bytes`() {
    var splitter = LineSplitter(limit: 4)
    var count = 0
    // Would be 1.6 · 10¹³ steps if each piece searched the rest of the chunk again.
    let chunk = [UInt8](repeating: 0x61, count: 4_000_000)
    _ = splitter.push([0x61]) { _ in true }
    _ = splitter.push(chunk) { _ in
      count += 1
      return true
    }
    #expect(count == 1_000_000)
  }
}

struct LineHistoryTests {
  @Test func `the last lines are kept, and the others counted`() {
    var history = LineHistory(lineLimit: 3)
    #expect(history.lines.isEmpty)
    for number in 0..<10 { history.append("\(number)") }
    #expect(history.lines == ["7", "8", "9"])
    #expect(history.droppedCount == 7)
    #expect(history.description == "7\n8\n9")
  }

  @Test func `bytes are bounded`() {
    var history = LineHistory(lineLimit: 100, byteLimit: 64)
    for number in 0..<10 { history.append(String(repeating: "\(number)", count: 20)) }
    #expect(history.lines.map { $0.first } == ["7", "8", "9"])
    history.append(String(repeating: "é", count: 1000) + "end")
    #expect(history.lines.count == 1)
    #expect(history.lines[0].hasSuffix("éend"))
    #expect(history.lines[0].utf8.count <= 64)
  }

  @Test(arguments: [1, 2, 7]) func `it agrees with a plain array`(lineLimit: Int) {
    var history = LineHistory(lineLimit: lineLimit, byteLimit: 80)
    var model: [String] = []
    var random = SystemRandomNumberGenerator()
    for number in 0..<1000 {
      let line = String(repeating: "\(number % 10)", count: Int.random(in: 0...60, using: &random))
      history.append(line)
      model.append(line)
      while model.count > lineLimit || model.reduce(0, { $0 + $1.utf8.count }) > 80 { model.removeFirst() }
      #expect(history.lines == model)
    }
  }
}
