import Testing

/// Behaviours.md names tests that there are.
struct BehavioursTests {
  @Test(.enabled(if: ShellCommand.finds("find"), "needs find in PATH"))
  func `every test that the table names is there`() throws {
    let tests = Place.package + "/Tests"
    let found = try ShellCommand("find \(ShellCommand.quoted(tests + "/AsyncMitogenTests")) -name '*.swift'")
    let files = found.output.split(separator: "\n").compactMap { Facts.read(String($0)) }.map { text in
      (text: text, names: Set(text.split(separator: "`")))
    }
    let table = try #require(Facts.read(tests + "/Behaviours.md"))
    var count = 0
    // Names stand between backticks: every second part.
    for line in table.split(separator: "\n") where line.hasPrefix("| ") {
      for (index, name) in line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      where index % 2 == 1 && name.contains("/") && !name.hasPrefix("/") {
        let parts = name.split(separator: "/", maxSplits: 1)
        let (suite, test) = (parts[0], parts[1])
        let isThere = files.contains { file in
          guard file.names.contains(test), file.text.contains("func `\(test)`(") else { return false }
          return ["struct \(suite) ", "struct `\(suite)` ", "extension \(suite) "].contains(where: file.text.contains)
        }
        #expect(isThere, "\(line)")
        count += 1
      }
    }
    #expect(count > 200)
  }

  @Test func `no line is left out of a section`() throws {
    let table = try #require(Facts.read(Place.package + "/Tests/Behaviours.md"))
    var last: [Int: Int] = [:]
    for line in table.split(separator: "\n") where line.hasPrefix("| ") {
      let id = line.dropFirst(2).prefix { $0 != " " }.split(separator: ".")
      guard id.count == 2, let section = Int(id[0]) else { continue }
      // `1`, `1-2`, `1a`, `1a-c` or `1a-2b`.
      let numbers = id[1].split(separator: "-").compactMap { Int($0.prefix(while: \.isNumber)) }
      let first = try #require(numbers.first, "\(line)")
      let before = last[section] ?? 0
      #expect(first == before || first == before + 1, "\(line)")
      last[section] = numbers.last
    }
    #expect(last.count > 40)
  }
}
