import Testing

@testable import AsyncMitogen

@Suite struct LoginShellWordsTests {
  private static let boot = [
    "printf", "%s|", "a $HOME $(id)", "it's", "`x` \"y\" \\044", "a\nb", "50%", "wow!", "é", "",
  ]

  /// As sudo does it for `-i`.
  private static func escaped(_ words: [String]) -> String {
    words.map { word in
      word.unicodeScalars.reduce(into: "") { text, scalar in
        let isPlain =
          "_-$".unicodeScalars.contains(scalar) || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        text += (isPlain ? "" : "\\") + String(scalar)
      }
    }.joined(separator: " ")
  }

  @Test(arguments: ["sh", "dash", "bash", "zsh", "mksh", "csh", "fish", "busybox"].filter(ShellCommand.finds))
  func `any log-in shell passes them on`(_ shell: String) throws {
    let line = Self.escaped(LoginShellWords.carrying(Self.boot))
    let words = (shell == "busybox" ? ["busybox", "sh"] : [shell]) + ["-c", line]
    let output = try ShellCommand(words.map(ShellCommand.quoted).joined(separator: " ")).output
    #expect(output == Self.boot.dropFirst(2).map { $0 + "|" }.joined())
  }

  @Test(arguments: [["sh"], ["dash"], ["bash"], ["zsh", "--emulate", "sh"], ["mksh"], ["busybox", "sh"]])
  func `any shell reads them`(_ shell: [String]) throws {
    guard ShellCommand.finds(shell[0]) else { return }
    let words = shell + LoginShellWords.carrying(Self.boot).dropFirst()
    let output = try ShellCommand(words.map(ShellCommand.quoted).joined(separator: " ")).output
    #expect(output == Self.boot.dropFirst(2).map { $0 + "|" }.joined())
  }

  @Test func `what needs nothing stays as it is, and people see no first stage`() async throws {
    #expect(LoginShellWords.carrying(["ls", "-l", "a b"]) == ["ls", "-l", "a b"])
    let stage = FirstStage(name: "x")
    let plan = try SudoConnection(login: true).launchPlan(boot: stage.arguments)
    let launch = Launch(plan: plan)
    #expect(launch.commandForPeople.joined(separator: " ").contains("(first stage)"))
    #expect(launch.commandForPeople.allSatisfy { $0.utf8.count < 300 })
  }
}
