import Glibc
import Testing

/// The Swift in the documents compiles.
@Suite(.timeLimit(.minutes(2)))
struct SnippetTests {
  static let hasTools = ShellCommand.finds("bash") && ShellCommand.finds("awk") && ShellCommand.finds("swiftc")

  @Test(.enabled(if: hasTools, "needs bash, awk and swiftc in PATH"))
  func `every block of Swift in the documents compiles`() throws {
    let checked = try check()
    #expect(checked.status == 0, "\(checked.output)")
  }

  @Test(.enabled(if: hasTools, "needs bash, awk and swiftc in PATH"))
  func `a block that does not compile is found, with its line`() throws {
    var name = Array("/tmp/snippets-XXXXXX".utf8CString)
    let descriptor = unsafe mkstemp(&name)
    try #require(descriptor >= 0)
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
      close(descriptor)
      unsafe unlink(path)
    }
    let text = """
      ```swift
      let number: Int = "text"
      print(number)
      ```

      ```swift
      @main struct Program { static func main() { missing() } }
      ```

      ```swift no-compile
      neither does this
      ```
      """
    try #require(unsafe write(descriptor, text, text.utf8.count) == text.utf8.count)
    let checked = try check(path)
    #expect(checked.status != 0)
    #expect(checked.output.contains("\(path):2:") && checked.output.contains("\(path):7:"))
    #expect(!checked.output.contains("\(path):11:"))
  }

  private func check(_ documents: String...) throws -> ShellCommand {
    let script = Place.package + "/Tests/Documents/check-snippets"
    return try ShellCommand(
      ([script, "--build", Place.build] + documents).map(ShellCommand.quoted).joined(separator: " "))
  }
}
