import Testing

@testable import AsyncMitogenDemo

@Suite struct `Inventories` {
  @Test func `A target a line`() throws {
    let text = """
      # All of them.
      local

        ssh:k3/sudo:root   # the big one
      \tssh:k4?identity_file=~/.ssh/id\r
      su:a#b
      """
    let targets = try Inventory.targets(in: text, of: "hosts")
    #expect(
      targets.map(\.description) == ["local", "ssh:k3/sudo:root", "ssh:k4?identity_file=~/.ssh/id", "su:a#b"])
    // The file of a key is the ssh client's to find.
    #expect(targets[2].hops[0].options["identity_file"] == ["~/.ssh/id"])
  }

  @Test(arguments: ["", "\n\n", "# nothing\n  # nothing", "   \r\n"]) func `May be empty`(_ text: String) throws {
    #expect(try Inventory.targets(in: text, of: "hosts").isEmpty)
  }

  @Test(arguments: [
    ("local\n\nlokal", "hosts, line 3: target 'lokal': hop 1 'lokal': there is no method 'lokal'"),
    ("local\r\nssh:", "hosts, line 2: target 'ssh:'"),
    ("local local", "hosts, line 1: there is more than a target"),
    ("ssh:k3?password=x hunter2", "hosts, line 1: there is more than a target"),
  ]) func `Errors name the line`(_ text: String, _ message: String) {
    let error = #expect(throws: UsageError.self) { try Inventory.targets(in: text, of: "hosts") }
    #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("hunter2") == false)
  }
}
