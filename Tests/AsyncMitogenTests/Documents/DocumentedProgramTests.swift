import Synchronization
import Testing

/// The programs of Docs/Services.md do what the document says.
@Suite(.timeLimit(.minutes(1)))
struct DocumentedProgramTests {
  /// Lines without what depends on where they stand.
  private func lines(_ text: some StringProtocol) -> [String] {
    text.split(separator: "\n").map { line in
      var line = line.drop { $0 == " " }
      if line.hasPrefix("@main ") { line = line.dropFirst(6) }
      return String(line)
    }.filter { !$0.isEmpty && !$0.hasPrefix("import ") }
  }

  /// The block of the document that has a line.
  private func block(with line: String) throws -> [String] {
    let document = try #require(Facts.read(Place.package + "/Docs/Services.md"))
    var blocks: [[Substring]] = [[]]
    for line in document.split(separator: "\n") {
      if line.hasPrefix("```") { blocks.append([]) } else { blocks[blocks.count - 1].append(line) }
    }
    let block = try #require(blocks.first { $0.contains { $0.hasPrefix(line) } })
    return lines(block.joined(separator: "\n"))
  }

  @Test(arguments: ["actor Inventory: Service {", "struct Backup: Job {"])
  func `what is tested is what the document shows`(_ line: String) throws {
    let file = Place.package + "/Tests/AsyncMitogenTests/Documents/DocumentedPrograms.swift"
    let source = lines(try #require(Facts.read(file)))
    let block = try block(with: line)
    let start = try #require(source.firstIndex(of: block[0]))
    #expect(block.count > 10 && Array(source[start...].prefix(block.count)) == block)
  }

  @Test func `the complete example`() async throws {
    try await ServicesExample.Program.main()
    #expect(ServicesExample.printed.withLock { $0 } == ["12", "1"])
  }

  @Test func `the example with a job`() async throws {
    try await JobsExample.Program.main()
    var printed = JobsExample.printed.withLock { $0 }
    #expect(printed.popLast() == "3" && printed.popLast() == "3 directories")
    #expect(printed.last == "3 updates, the last: /srv is packed")
    // How many come in between is a matter of speed.
    #expect(printed.count <= 5)
  }
}
