import AsyncMitogen
import Testing

@testable import AsyncMitogenDemo

@Suite struct TerminalAuthenticatorTests {
  private static func prompt(_ kind: AuthenticationRequest.Kind, _ text: String = "x", attempt: Int = 1) throws
    -> String
  {
    let hop = try TargetSpec(parsing: "ssh:me@web?interactive=true&password=secret").hops[0]
    #expect(hop.isInteractive)
    let request = AuthenticationRequest(method: "ssh", kind: kind, prompt: text, attempt: attempt)
    return String(TerminalAuthenticator.prompt(request, at: hop).dropFirst(4))
  }

  @Test func `a person is told what is asked, and where`() throws {
    #expect(try Self.prompt(.password) == "Password for ssh:me@web: ")
    #expect(try Self.prompt(.password, attempt: 2) == "That was not accepted. Password for ssh:me@web: ")
    #expect(try Self.prompt(.passphrase(key: "/k\u{1B}[2J")) == "Passphrase of /k[2J for ssh:me@web: ")
    #expect(try Self.prompt(.oneTimeCode, "Code:", attempt: 2) == "ssh:me@web asks: Code: ")
    #expect(try Self.prompt(.other, "a\u{7}\r\u{9B}?" + String(repeating: "b", count: 1_000)).count < 600)
  }

  @Test func `only who wants it is asked`() throws {
    for text in ["ssh:web", "ssh:web?interactive=false", "local"] {
      #expect(try TargetSpec(parsing: text).hops[0].isInteractive == false)
    }
  }
}
